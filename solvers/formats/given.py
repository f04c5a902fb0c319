"""A plan from a file: our own JSON, sequences in JSON, or a VRPLIB ``.sol``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from solvers.formats.instance import FormatError
from solvers.formats.plan_json import PLAN_FORMAT, plan_from
from solvers.formats.reading import read_text
from solvers.plan import Plan
from solvers.problem import PlanningProblem
from solvers.sequenced import drive


def read_plan(path: Path, problem: PlanningProblem) -> Plan:
    """The plan in ``path`` for ``problem``: a plan with its times, or sequences that are timed here.

    Sequences are ``{"routes": [{"vehicle_id": "v1", "orders": ["a", "b"]}]}`` (an empty text parts two trips), or lines
    ``Route #1: 3 7 2`` of a ``.sol`` (positions of orders in the problem from 1, or their ids; one vehicle a line).

    Raises:
        FormatError: the file is none of these; the message names the field.
        PlanningError: it names orders or vehicles that the problem does not have.
    """
    text = read_text(path)
    if text.lstrip()[:1] != "{":
        return drive(problem, _sol(path, text, problem))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: is not valid JSON ({error})") from error
    if content.get("format") == PLAN_FORMAT or "transport_minor" in content:
        try:
            return plan_from(content)
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from error
    return drive(problem, _sequences(path, content))


def _sequences(path: Path, content: dict[str, object]) -> dict[str, list[str]]:
    routes = content.get("routes")
    if not isinstance(routes, list):
        raise FormatError(f"{path}: must hold routes, or a plan with its times ({PLAN_FORMAT})")
    found: dict[str, list[str]] = {}
    for number, route in enumerate(routes):
        where = f"{path}: routes[{number}]"
        if not isinstance(route, dict) or not isinstance(route.get("vehicle_id"), str):
            raise FormatError(f"{where}.vehicle_id: must be a text")
        orders = route.get("orders")
        if not isinstance(orders, list) or not all(isinstance(one, str) for one in orders):
            raise FormatError(f"{where}.orders: must be a list of order ids")
        if route["vehicle_id"] in found:
            raise FormatError(f"{where}.vehicle_id: {route['vehicle_id'][:80]!r} has another route")
        found[route["vehicle_id"]] = orders
    return found


def _sol(path: Path, text: str, problem: PlanningProblem) -> dict[str, list[str]]:
    lines = re.findall(r"^\s*Route\s*#?\s*\d+\s*:(.*)$", text, re.MULTILINE | re.IGNORECASE)
    if not lines:
        raise FormatError(f"{path}: is no plan: neither JSON nor lines such as 'Route #1: 3 7 2'")
    if len(lines) > len(problem.vehicles):
        raise FormatError(f"{path}: has {len(lines)} routes, the problem has {len(problem.vehicles)} vehicles")
    ids = {order.order_id for order in problem.orders}
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        sequence = []
        for token in line.split():
            position = int(token) if token.isdecimal() else 0
            if token in ids and not all(one.isdecimal() for one in ids):
                sequence.append(token)
            elif 1 <= position <= len(problem.orders):
                sequence.append(problem.orders[position - 1].order_id)
            else:
                raise FormatError(f"{path}: route {number + 1}: there is no order {token[:40]!r}")
        found[problem.vehicles[number].vehicle_id] = sequence
    return found
