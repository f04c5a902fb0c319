"""What drivers know: a preference for the next stop, learned from driven sequences, as seconds that a plan can weigh.

Drivers finish an area before they leave it and go from area to area in orders of their own. The next stop is a choice
among those that are left (conditional logit, McFadden 1974); divided by the weight of a second, the other reasons of
the choice are worth so many seconds of driving, and are added to the travel matrix of a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FEATURES = ("near", "same street", "same area", "same district", "usual next area")
SMOOTHING = 2.0
MOST_CHOICES = 40
"""Alternatives that a choice is compared with: the nearest ones; those far away say nothing more."""


@dataclass(frozen=True)
class DrivenRoute:
    """Stops in the order in which they were driven, the start first; ``seconds``: travel between all of them.

    ``street``, ``area``, ``district``: cells of three sizes that each stop lies in.
    """

    seconds: Floats
    street: tuple[str, ...]
    area: tuple[str, ...]
    district: tuple[str, ...]


@dataclass(frozen=True)
class Preferences:
    """Weights of ``FEATURES``, and how often one area was driven to after another, beside how often it could have."""

    weights: Floats
    usual: dict[tuple[str, str], float] = field(default_factory=dict)

    def leg_costs(self, route: DrivenRoute) -> npt.NDArray[np.int64]:
        """Seconds between stops with the drivers' reasons in them: what a plan should minimise to go as they do."""
        features = _features(route, self.usual)
        worth = features[:, :, 1:] @ self.weights[1:] / max(self.weights[0], 1e-6)
        # a step of the logarithm is worth so many seconds at the legs that are chosen among
        near = np.where(np.eye(len(route.area), dtype=bool), np.inf, route.seconds).min(axis=1)
        cost = route.seconds - (60.0 + float(np.median(near))) * worth
        cost -= min(0.0, float(cost.min()))
        np.fill_diagonal(cost, 0.0)
        return np.rint(cost * 10).astype(np.int64)


def _features(route: DrivenRoute, usual: dict[tuple[str, str], float]) -> Floats:
    """Of every pair of stops; ``near`` is minus the logarithm of minutes."""
    size = len(route.area)
    out = np.zeros((size, size, len(FEATURES)))
    out[:, :, 0] = -np.log1p(route.seconds / 60.0)
    for number, cells in ((1, route.street), (2, route.area), (3, route.district)):
        codes = np.unique(np.array(cells), return_inverse=True)[1]
        out[:, :, number] = codes[:, None] == codes[None, :]
    areas, codes = np.unique(np.array(route.area), return_inverse=True)
    table = np.array([[usual.get((str(a), str(b)), 0.0) for b in areas] for a in areas])
    out[:, :, 4] = table[np.ix_(codes, codes)]
    return out


def usual_areas(routes: Sequence[DrivenRoute]) -> dict[tuple[str, str], float]:
    """Log of how much more often than by chance an area follows another, where both were on a route."""
    after: dict[tuple[str, str], float] = {}
    could: dict[tuple[str, str], float] = {}
    for route in routes:
        order = list(dict.fromkeys(route.area))
        for place, area in enumerate(order[:-1]):
            rest = order[place + 1 :]
            after[area, rest[0]] = after.get((area, rest[0]), 0.0) + 1
            for other in rest:
                could[area, other] = could.get((area, other), 0.0) + 1 / len(rest)
    return {pair: float(np.log((after.get(pair, 0.0) + SMOOTHING) / (n + SMOOTHING))) for pair, n in could.items()}


def fit_preferences(routes: Sequence[DrivenRoute], folds: int = 4) -> Preferences:
    """Weights by maximum likelihood; the orders of areas a route is explained by are those of other routes."""
    from scipy.optimize import minimize

    rows: list[Floats] = []
    for fold in range(folds):
        others = usual_areas([one for number, one in enumerate(routes) if number % folds != fold])
        for route in routes[fold::folds]:
            rows += _choices(route, others)
    sizes = np.array([len(one) for one in rows])
    table, starts = np.concatenate(rows), np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def loss(weights: Floats) -> tuple[float, Floats]:
        score = table @ weights
        top = np.maximum.reduceat(score, starts)
        e = np.exp(score - np.repeat(top, sizes))
        total = np.add.reduceat(e, starts)
        value = float((np.log(total) + top - score[starts]).mean()) + 1e-3 * float(weights @ weights)
        share = e / np.repeat(total, sizes)
        gradient = (share @ table - table[starts].sum(axis=0)) / len(starts) + 2e-3 * weights
        return value, gradient

    found: Any = minimize(loss, np.array([1.0, 0.5, 0.5, 0.5, 0.5]), jac=True, method="L-BFGS-B")
    return Preferences(np.maximum(found.x, 0.0), usual_areas(routes))


def _choices(route: DrivenRoute, usual: dict[tuple[str, str], float]) -> list[Floats]:
    """Features of the stop that was driven to next (first row) and of the nearest that were left."""
    features, out = _features(route, usual), []
    for place in range(len(route.area) - 2):
        rest = np.arange(place + 2, len(route.area))
        near = rest[np.argsort(route.seconds[place, rest], kind="stable")[:MOST_CHOICES]]
        out.append(features[place, np.append(place + 1, near)])
    return out


def closeness(planned: Sequence[int]) -> dict[str, float]:
    """How close a planned order of stops 1..n-1 (numbered as driven, 0 the start) is to the driven one.

    ``sequence_deviation``: 0 the same, 1 as far as can be (Merchan et al. 2022, the Amazon routing challenge);
    ``same_legs``: share of planned legs that were driven, in either direction; ``in_order``: share of pairs of stops in
    the driven order.
    """
    order = np.asarray(planned)
    n = len(order)
    if n < 2:
        return {"sequence_deviation": 0.0, "same_legs": 1.0, "in_order": 1.0}
    steps = np.abs(np.diff(order))
    whole = np.abs(np.diff(np.append(0, order)))
    later = order[None, :] > order[:, None]
    return {
        "sequence_deviation": float(2 / (n * (n - 1)) * (steps - 1).sum()),
        "same_legs": float((whole == 1).mean()),
        "in_order": float(np.triu(later, 1).sum() / (n * (n - 1) / 2)),
    }
