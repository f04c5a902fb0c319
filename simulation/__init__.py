"""The twin: a city whose hidden truth no planner or model may see. It emits what a company would have, nothing more.

``load_scenario(path) -> Scenario``, ``City(scenario).history(first_date, days)``, ``City.play(date, routes)``. Imports
the vocabulary only, and is imported by nothing that plans or predicts.
"""

from simulation.scenario import Scenario, load_scenario

__all__ = ["City", "Scenario", "load_scenario"]


def __getattr__(name: str) -> object:
    if name == "City":  # pandas is loaded only when a city is built
        from simulation.city import City

        return City
    raise AttributeError(name)
