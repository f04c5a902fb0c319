"""Registered type -> how its excess is measured on what a plan publishes. A test holds that these are the types of
``solvers.families``, and that both measure the same.
"""

from __future__ import annotations

from solvers.proof import (
    access,
    chance,
    contracts,
    docks,
    driver,
    energy,
    goods,
    hours,
    protocol,
    sequence,
    shape,
    times,
    weather,
    whole_plan,
)
from solvers.proof.facts import Measure

MEASURES: dict[str, Measure] = {
    code: measure
    for module in (
        access,
        chance,
        contracts,
        docks,
        driver,
        energy,
        goods,
        hours,
        protocol,
        sequence,
        shape,
        times,
        weather,
        whole_plan,
    )
    for code, measure in module.MEASURES.items()
}
