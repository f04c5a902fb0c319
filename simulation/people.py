"""An invented address book for the city's customers, so that messages of the twin have somebody to reach.

Names are made from lists, addresses end in ``example.org`` (reserved for examples, RFC 2606): nothing can be sent to
anyone real. Whether and in which language somebody agreed to be written to is drawn once a customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulation.columns import numbered
from simulation.demand import ID_DIGITS

if TYPE_CHECKING:
    from simulation.city import City

FIRST = ("Ada", "Bilal", "Chiara", "Daan", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kim", "Leila", "Mats")
LAST = ("Bakker", "Costa", "Demir", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanov", "Jansen", "Klein", "Lopez")
CONSENT = 0.9
"""Share that agreed to e-mail. Declared, not measured."""
LANGUAGES = {"en": 0.7, "nl": 0.2, "de": 0.05, "fr": 0.05}
"""Shares of languages. Declared, not measured."""


def address_book(city: City) -> list[dict[str, str]]:
    """One entry a customer: ``customer_id, name, email, language, channels``; the same for the same scenario."""
    count = city.world.customers.count
    rng = np.random.default_rng([city.world.scenario.seed, 0xADD2])
    first, last = rng.integers(0, len(FIRST), count), rng.integers(0, len(LAST), count)
    agreed = rng.random(count) < CONSENT
    language = rng.choice(list(LANGUAGES), count, p=list(LANGUAGES.values()))
    return [
        {
            "customer_id": str(name),
            "name": f"{FIRST[first[n]]} {LAST[last[n]]}",
            "email": f"{name}@example.org",
            "language": str(language[n]),
            "channels": "email" if agreed[n] else "",
        }
        for n, name in enumerate(numbered("c", np.arange(count), ID_DIGITS))
    ]
