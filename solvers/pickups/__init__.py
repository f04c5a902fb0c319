"""Pickups and deliveries that become known through the day, last in first out, decided again at every moment.

Goods are stacked: only what lies on top can be unloaded, so a pickup and its delivery enclose whole other pairs.
``moment`` holds what is known at a decision, ``routes`` times one route (compiled), ``search`` inserts, ruins and
recreates, ``dispatcher`` decides: what goes where, and which vehicle need not leave yet.
"""

from solvers.pickups.dispatcher import Dispatcher, Greedy, Searching
from solvers.pickups.moment import Moment, Pieces, Prices, Roads, Vehicles

__all__ = ["Dispatcher", "Greedy", "Moment", "Pieces", "Prices", "Roads", "Searching", "Vehicles"]
