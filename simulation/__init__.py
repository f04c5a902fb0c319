"""The twin: a world whose hidden truth no planner or model may see. It emits what a company would have, nothing more.

It imports the vocabulary only, and nothing that plans or predicts imports it. Names load when they are first used.

==========================  ===========================================================================================
door                        what it gives
==========================  ===========================================================================================
``load_scenario(name)``     a shipped scenario (``default``, ``two_cities``, ``null``, ``planted``, ...) or a YAML file
``City(scenario)``          the world of a scenario: the same to the bit for the same file, on every machine
``address_book(city)``      invented names and addresses of its customers
``city.reference(day)``     depots, fleets, tariffs, vehicles, drivers, certifications, past trips: ``raw.*`` columns
``city.day_before(day)``    what is known the evening before: orders, shifts, weather with forecasts by time of issue
``city.baseline_plan(day)`` routes as the city's own dispatcher makes them
``city.play_day(...)``      a day under any plan and decisions, as arrays: ``DayResult``
``city.live_day(...)``      the same day event by event: ``LiveDay``; ``city.drive(day, plan, decide)`` plays it through
``DayResult.events``        delivery events with two clocks (``raw.delivery_events``); ``.invoices``: invoice lines
``DayResult.truth``         probabilities and counterfactuals, for evaluation only: never to a planner, model or lake
==========================  ===========================================================================================

A plan is a frame with ``route_id, vehicle_id, driver_id, fleet_id, depot_id, sequence, order_id`` (one row a stop), and
``starts_at`` (departure) and ``arrival`` (told to the customer) where it knows them. A decision is an ``Action``.

>>> from datetime import date
>>> from simulation import Action, City, load_scenario
>>> city = City(load_scenario().scaled(60))
>>> day = date(2026, 3, 3)
>>> plan = city.baseline_plan(day)
>>> played = city.play_day(day, plan)
>>> {"event_time", "ingest_time", "order_id"} <= set(played.events.columns)
True

Event by event, with decisions taken from what is known and from nothing else:

>>> def remind(view, event):
...     if event.event_type == "route_started":
...         return [Action("message", event.ingest_time, view.open_orders(event.route_id))]
>>> reminded = city.drive(day, plan, remind)

In batches (a micro-batch every quarter of an hour), or as a generator:

>>> running = city.live_day(day, plan)
>>> known = running.until(played.events["ingest_time"].median().to_pydatetime())
>>> first = running.view.open_orders(running.view.routes()[0])[:1]
>>> refused = running.decide([Action("call_customer", running.view.now, first)])
>>> rest = list(running)
>>> len(known) + len(rest) >= len(played.events)
True
"""

from importlib import import_module

_HOMES = {
    "Scenario": "simulation.schema",
    "load_scenario": "simulation.scenario",
    "scenario_from": "simulation.scenario",
    "City": "simulation.city",
    "address_book": "simulation.people",
    "Action": "simulation.actions",
    "ACTIONS": "simulation.actions",
    "PLAN_COLUMNS": "simulation.plans",
    "DayResult": "simulation.play",
    "Decide": "simulation.live",
    "LiveDay": "simulation.live",
    "LiveEvent": "simulation.live",
    "drive": "simulation.live",
    "live_events": "simulation.live",
    "DayView": "simulation.view",
    "Truth": "simulation.truth",
    "play_day": "simulation.play",
    "build_world": "simulation.world",
}

__all__ = [
    "ACTIONS",
    "PLAN_COLUMNS",
    "Action",
    "City",
    "DayResult",
    "DayView",
    "Decide",
    "LiveDay",
    "LiveEvent",
    "Scenario",
    "Truth",
    "address_book",
    "build_world",
    "drive",
    "live_events",
    "load_scenario",
    "play_day",
    "scenario_from",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'simulation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
