"""The twin: a world whose hidden truth no planner or model may see. It emits what a company would have, nothing more.

``load_scenario(path) -> Scenario``, ``City(scenario).history(first_date, days)``,
``City.play_day(date, plan, decisions) -> DayResult``, ``LiveDay`` for a day event by event. Imports the vocabulary
only, and is imported by nothing that plans or predicts. Names are loaded when they are first used.
"""

from importlib import import_module

_HOMES = {
    "Scenario": "simulation.schema",
    "load_scenario": "simulation.scenario",
    "scenario_from": "simulation.scenario",
    "City": "simulation.city",
    "Action": "simulation.actions",
    "DayResult": "simulation.play",
    "LiveDay": "simulation.live",
    "play_day": "simulation.play",
    "build_world": "simulation.world",
}

__all__ = [
    "Action",
    "City",
    "DayResult",
    "LiveDay",
    "Scenario",
    "build_world",
    "load_scenario",
    "play_day",
    "scenario_from",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(name)
