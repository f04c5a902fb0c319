"""Whom PyVRP may move an order beside: the nearest that some vehicle may serve together with it.

PyVRP 0.14.1 takes the cheapest way between two orders over all vehicles, also over those that may serve only one of the
two. Where vehicles differ in whom they may serve, most of such a list is useless, and there are lists without a single
useful entry: the search then hardly moves. Here a way counts only for vehicles that may serve both ends, and a list is
as long as it takes until the expected number of its orders that ride with a fitting vehicle is enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FAR = 2**40
LONGEST = 5
"""A list is at most so many times as long as it would be among equal vehicles."""


def neighbours(data: Any, barred: npt.NDArray[np.bool_], count: int) -> Any:
    """Neighbours of each client and pickup: about ``count`` that ride with a vehicle which may serve both.

    Parameters
    ----------
    data
        PyVRP's problem data.
    barred
        Shape (profiles, places): which places vehicles of a profile may not serve.
    """
    from pyvrp.search import NeighbourhoodParams, compute_neighbours

    if not barred.any():
        return compute_neighbours(data, NeighbourhoodParams(num_neighbours=count))
    reach = LONGEST * count
    near = compute_neighbours(_served_together(data, ~barred), NeighbourhoodParams(num_neighbours=reach))
    vehicles = np.zeros(len(barred))
    for kind in data.vehicle_types():
        vehicles[kind.profile] += kind.num_available
    clients, shipments = list(data.clients()), list(data.shipments())

    def serving(activity: Any) -> npt.NDArray[np.float64]:
        if activity.is_client():
            return vehicles * ~barred[:, clients[activity.idx].location]
        pair = shipments[activity.idx]
        return vehicles * ~(barred[:, pair.pickup_location] | barred[:, pair.delivery_location])

    by_client = np.array([vehicles * ~barred[:, one.location] for one in clients]).reshape(len(clients), len(barred))
    shares = by_client / np.maximum(by_client.sum(axis=1, keepdims=True), 1.0)
    found = {}
    for activity, others in near.items():
        own = serving(activity) > 0
        fits = []
        for other in others:
            if other.is_client():
                fits.append(shares[other.idx])
            else:
                theirs = serving(other)
                fits.append(theirs / max(1.0, float(theirs.sum())))
        expected = np.cumsum(np.array(fits).reshape(len(others), len(barred)) @ own)
        found[activity] = others[: int(np.searchsorted(expected, count)) + 1]
    return found


def _served_together(data: Any, served: npt.NDArray[np.bool_]) -> Any:
    """The data with one profile: the cheapest way of those vehicles that may serve both ends."""
    import pyvrp

    price: Any = None
    seconds: Any = None
    for profile, own in enumerate(served):
        both = own[:, None] & own[None, :]
        way = np.where(both, data.distance_matrix(profile), FAR)
        time = np.where(both, data.duration_matrix(profile), FAR)
        price = way if price is None else np.minimum(price, way)
        seconds = time if seconds is None else np.minimum(seconds, time)
    np.fill_diagonal(price, 0)
    np.fill_diagonal(seconds, 0)
    paid = np.median([kind.unit_duration_cost for kind in data.vehicle_types()])
    kind = pyvrp.VehicleType(1, capacity=[0] * data.num_load_dimensions, unit_duration_cost=int(paid))
    return data.replace(vehicle_types=[kind], distance_matrices=[price], duration_matrices=[seconds])
