"""The day as state: an immutable value that is a function of the set of events, whatever their order of arrival.

``events`` is what may happen, ``day`` is what a day begins with, ``fold`` takes events in, ``entities`` derive what is
known of one order, vehicle or tender from its own events, in the order in which they happened.
"""

from operations.state.day import Approvals, Coming, Day, Offer, Prices
from operations.state.entities import OrderState, TenderState, VehicleState
from operations.state.events import Event, why_refused
from operations.state.fold import DayState, digest, fold, start
from operations.state.proposals import DeskState, Item, ProposalState
from operations.state.standing import Said, Sort, StandingAnswer, StandingState

__all__ = [
    "Approvals",
    "Coming",
    "Day",
    "DayState",
    "DeskState",
    "Event",
    "Item",
    "Offer",
    "OrderState",
    "Prices",
    "ProposalState",
    "Said",
    "Sort",
    "StandingAnswer",
    "StandingState",
    "TenderState",
    "VehicleState",
    "digest",
    "fold",
    "start",
    "why_refused",
]
