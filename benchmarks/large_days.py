"""Generated large days: clustered stops, overlapping depots, three fleets, skills, windows; the same for a seed."""

from __future__ import annotations

import numpy as np

from solvers.problem import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window

SIDE_M = 60_000
METRES_A_SECOND = 9
SHIFT_S = (7 * 3_600, 19 * 3_600)
STOPS_A_ROUTE = 25
PENALTY_MINOR = 20_000_00
SKILLS = ("cold", "heavy")
FLEETS = {
    # share of the vehicles, capacity in kg, tariff (route, km, hour), what its drivers can do
    "own": (0.4, 1_200, (60_00, 45, 24_00), SKILLS),
    "partner": (0.35, 900, (45_00, 60, 20_00), SKILLS[:1]),
    "bikes": (0.25, 500, (20_00, 70, 19_00), ()),
}


def large_day(stops: int, seed: int, depots: int = 4) -> PlanningProblem:
    """A day of ``stops`` required orders; the fleet has a fifth more room than they need.

    Half of the orders have a window of two to four hours; 8 % ask for one skill, 4 % for the other. Roads are
    straight lines, driven at ``METRES_A_SECOND``; matrices are shape (depots + stops,) squared.
    """
    rng = np.random.default_rng(seed)
    towns = rng.integers(SIDE_M // 10, 9 * SIDE_M // 10, (max(4, stops // 250), 2))
    scattered = rng.integers(0, SIDE_M, (stops, 2))
    clustered = towns[rng.integers(0, len(towns), stops)] + rng.normal(0, 0.04 * SIDE_M, (stops, 2))
    at = np.where(rng.random(stops)[:, None] < 0.7, clustered, scattered).clip(0, SIDE_M)
    corners = SIDE_M * np.array([(0.3, 0.3), (0.7, 0.35), (0.35, 0.7), (0.65, 0.65)])[:depots]
    places = np.vstack([corners, at]).astype(np.float64)
    metres = np.empty((len(places), len(places)), dtype=np.int64)
    for row in range(len(places)):
        metres[row] = np.rint(np.hypot(*(places - places[row]).T))
    orders = []
    for n in range(stops):
        windows: tuple[Window, ...] = ()
        if rng.random() < 0.5:
            start = int(rng.integers(SHIFT_S[0] + 3_600, SHIFT_S[1] - 5 * 3_600))
            windows = (Window(start, start + int(rng.integers(2, 5)) * 3_600),)
        skill = rng.random()
        asked = frozenset(SKILLS[:1] if skill < 0.08 else SKILLS[1:] if skill < 0.12 else ())
        orders.append(
            Order(
                f"o{n}",
                depots + n,
                service_s=int(rng.integers(120, 420)),
                windows=windows,
                load=Load(int(rng.integers(2, 60)) * 1_000, 0, 1),
                required_certifications=asked,
                penalty_minor=PENALTY_MINOR,
                required=True,
            )
        )
    count = int(np.ceil(1.2 * stops / STOPS_A_ROUTE))
    vehicles: list[Vehicle] = []
    for fleet, (share, kilos, (route, km, hour), skills) in FLEETS.items():
        for _ in range(int(np.ceil(share * count))):
            number = len(vehicles)
            vehicles.append(
                Vehicle(
                    f"v{number}",
                    fleet,
                    f"d{number % depots}",
                    *SHIFT_S,
                    Load(kilos * 1_000, 2**40, 200),
                    certifications=dict.fromkeys(skills, 2**40),
                    tariff=Tariff(per_route_minor=route, per_km_minor=km, per_hour_minor=hour),
                )
            )
    return PlanningProblem(
        tuple(Depot(f"d{n}", n) for n in range(depots)),
        tuple(orders),
        tuple(vehicles),
        Travel(metres, np.rint(metres / METRES_A_SECOND).astype(np.int64)),
    )
