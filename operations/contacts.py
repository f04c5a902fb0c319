"""What a message is worth: contacts avoided, less its price, less the fatigue it causes. Declared, not measured.

Every input has a range, a source and a date; ``sensitivity`` shows what the value is at each end of each range. What
was measured (contacts of one's own, the holdout's effect) replaces an input; the model itself never replaces a
measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Input:
    """A declared number with its range and where it is from."""

    value: float
    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise InputError(f"contact model: {self.value:g} is not between {self.low:g} and {self.high:g}")


@dataclass(frozen=True, slots=True)
class ContactModel:
    """Inputs of the value of a message about a delay or a failure, money in minor units.

    Attributes:
        p_contact: chance that a customer of a late or failed order asks, if not told.
        avoided: share of those contacts that a message in time avoids.
        contact_minor: cost of one contact. message_minor: price of a message.
        p_opt_out: chance that a message makes the customer withdraw consent (fatigue); consent_minor: what that loses.
        wismo_share: share of contacts that ask where the order is. failure_minor: cost of a failed delivery.
    """

    p_contact: Input = Input(0.27, 0.18, 0.35, "contacts after a failed delivery, 18-35 %, trade press 2023")
    avoided: Input = Input(0.4, 0.2, 0.6, "assumption; replace by the holdout's")
    contact_minor: Input = Input(450, 250, 900, "assumption: 5 minutes of an agent")
    message_minor: Input = Input(6, 0, 10, "price lists of SMS gateways in Europe, 2025")
    p_opt_out: Input = Input(0.001, 0.0, 0.005, "assumption")
    consent_minor: Input = Input(1_500, 500, 4_000, "assumption: value of being able to write for two years")
    wismo_share: Input = Input(0.40, 0.30, 0.50, "share of contacts, trade press 2021-2024")
    failure_minor: Input = Input(1_720, 800, 2_500, "17.20 USD: Loqate, Fixing Failed Deliveries, 2021")

    def with_values(self, changes: Mapping[str, float]) -> ContactModel:
        """The model with other values; a range is widened where a value lies outside of it.

        Raises:
            InputError: there is no such input, or a share is not between 0 and 1.
        """
        new = {}
        for name, value in changes.items():
            if name not in NAMES:
                raise InputError(f"contact model: there is no input {name!r}; there are {', '.join(NAMES)}")
            if value < 0 or (not name.endswith("_minor") and value > 1):
                raise InputError(f"contact model: {name} cannot be {value:g}")
            old = getattr(self, name)
            new[name] = Input(value, min(value, old.low), max(value, old.high), "given")
        return replace(self, **new)


NAMES = tuple(one.name for one in fields(ContactModel))
USED = ("p_contact", "avoided", "contact_minor", "message_minor", "p_opt_out", "consent_minor")
"""Inputs that the value of a message depends on."""


def message_value_minor(model: ContactModel) -> Mapping[str, float]:
    """Value of one message to a customer of a late or failed order, and its parts, minor units."""
    saved = model.p_contact.value * model.avoided.value * model.contact_minor.value
    fatigue = model.p_opt_out.value * model.consent_minor.value
    return MappingProxyType(
        {
            "contacts_avoided": saved,
            "message": -model.message_minor.value,
            "fatigue": -fatigue,
            "value": saved - model.message_minor.value - fatigue,
        }
    )


def break_even_accuracy(model: ContactModel) -> float:
    """Share of delay messages that must be about orders that are really late for the messages to pay; 1 at most.

    A false alarm costs the message and the fatigue and avoids nothing.
    """
    parts = message_value_minor(model)
    cost = -(parts["message"] + parts["fatigue"])
    return 1.0 if parts["contacts_avoided"] <= 0 else min(1.0, cost / parts["contacts_avoided"])


@dataclass(frozen=True, slots=True)
class Swing:
    """Value of a message with one input at the ends of its range, all others as declared."""

    name: str
    low: float
    high: float
    value_at_low: float
    value_at_high: float
    source: str


def sensitivity(model: ContactModel) -> list[Swing]:
    """One input after another, the one that matters most first."""
    found = []
    for name in USED:
        one: Input = getattr(model, name)
        at = [
            message_value_minor(replace(model, **{name: replace(one, value=end)}))["value"]
            for end in (one.low, one.high)
        ]
        found.append(Swing(name, one.low, one.high, at[0], at[1], one.source))
    return sorted(found, key=lambda swing: -abs(swing.value_at_high - swing.value_at_low))


def expected_wismo(contacts: int, model: ContactModel) -> float:
    """Where-is-my-order contacts among ``contacts`` whose reason nobody noted, from the declared share."""
    return contacts * model.wismo_share.value
