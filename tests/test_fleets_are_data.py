"""No branch on what kind a fleet is: a new kind of capacity is data, and its tariff and limits say the rest."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("solvers", "models", "operations", "orchestration")
KINDS = {"captive", "3pl", "gig", "locker"}
NAMES = {"CAPTIVE", "THIRD_PARTY", "GIG", "LOCKER"}


def owner(attribute):
    """Name of the enumeration a member is taken from: ``FleetKind`` of ``codes.FleetKind.GIG``."""
    return attribute.value.attr if isinstance(attribute.value, ast.Attribute) else getattr(attribute.value, "id", None)


def branches(tree):
    """Lines where something is compared with, matched against or looked up by a kind of fleet."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict):
            # a table by kind; a record that has a field of that name is none
            keys = [key for key in node.keys if key is not None]
            plain = [key.value for key in keys if isinstance(key, ast.Constant)]
            parts = keys if KINDS.issuperset(plain) else []
        else:
            continue
        for part in parts:
            inside = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
            for one in inside:
                constant = isinstance(one, ast.Constant) and one.value in KINDS
                member = isinstance(one, ast.Attribute) and one.attr in NAMES and owner(one) == "FleetKind"
                if constant or member:
                    yield node.lineno


DRAWN = ROOT / "orchestration" / "report" / "drawing.py"
"""Colours of the kinds that are known by name; any other has a colour too, and nothing is decided."""
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path != DRAWN)


@pytest.mark.parametrize("room", ROOMS)
def test_no_branch_on_the_kind_of_a_fleet(room):
    found = []
    for path in FILES:
        if path.is_relative_to(ROOT / room):
            found += [f"{path.relative_to(ROOT)}:{line}" for line in branches(ast.parse(path.read_text()))]
    assert not found, f"a fleet's kind decides something at {', '.join(found)}: say it by tariff, limit or control mode"


@pytest.mark.parametrize(
    "text",
    [
        "if fleet.kind == 'gig': pass",
        "x = kind in ('3pl', 'gig')",
        "{'locker': 1}[kind]",
        "y = kind is FleetKind.CAPTIVE",
        "y = kind is codes.FleetKind.GIG",
    ],
)
def test_the_check_sees_a_branch(text):
    assert set(branches(ast.parse(text))) == {1}
    assert not list(branches(ast.parse("if mode == ControlMode.ROUTED: pass")))
    assert not list(branches(ast.parse("if action is AnswerAction.LOCKER: pass")))
