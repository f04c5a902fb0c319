"""Columns of the tables of ``arrays.Arrays``: constants, so that machine code has them as numbers."""

PLACE, SERVICE, WINDOWS, EARLY, LATE, RELEASE, PICKUP = range(7)
"""Of a node, what the problem says; the place is -1 where no leg leads (an open end)."""
PRED, SUCC, ON = 7, 8, 9
"""Neighbours on the route; vehicle of an order, -1 while it is open."""
DEPART, LATEST = 10, 11
"""Earliest departure from the node, latest arrival at it that keeps everything after it."""
HEAD, TAIL = 12, 15
"""Duration, earliest and latest start of the route up to the node, and of the route from it on (three columns each)."""
LEG_METRES, LEG_SECONDS = 18, 19
"""Of the leg from the node on."""
SEEN, CALLS = 20, 21
"""The last search for a place that looked behind the node; of an order, how many searches there were for it."""
LEG_TO = 22
"""Which leg that is: profile and place it leads to, as one number above 0; to look it up again is what costs time."""
NODE = 23

SHIFT_START, SHIFT_END, MOST_STOPS, MOST_METRES, MOST_SECONDS, OVERTIME_AFTER, PROFILE, KIND, PAID = range(9)
"""Of a vehicle, what the problem says; ``PAID``: whether its duration matters."""
STOPS, METRES, DRIVEN, GONE, LASTS, SPOT = range(9, 15)
"""Of its route; when all that it brings is there; the vehicle's place among the idle ones, -1: in use."""
VEHICLE = 15

PER_METRE, PER_DRIVEN, PER_SECOND, PER_OVERTIME, PER_ROUTE, COST, SERVING = range(7)
"""Of a vehicle; what its route costs, and what serving its orders does of that."""
PRICES = 7

LOAD, ABOARD, BEFORE, AFTER = range(4)
