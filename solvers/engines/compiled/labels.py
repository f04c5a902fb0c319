"""Partial routes, extended stop by stop and kept where they may lead to a route that is worth it, compiled.

A label is a partial route: what it costs less what its orders are worth, when it is ready, what it carries, whom it
serves (Desrochers, Desrosiers and Solomon 1992, Operations Research 40(2)). Of each length and last order only so many
are kept, those that may end cheapest by a bound on what is still to come: routes can be missed, none is made up.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Labels = tuple[Floats, Floats, Integers, Integers, Integers, Integers, Integers, Integers, Integers]

BITS = 62
"""Orders, or triples, to a word."""
NEVER = 1e18


@numba.njit(cache=True, nogil=True)
def to_go(
    cost: Floats,
    seconds: Integers,
    service: Integers,
    early: Integers,
    late: Integers,
    opens: int,
    closes: int,
    after: Integers,
    worth: Floats,
    slots: int,
) -> tuple[Floats, Floats, Integers]:
    """What the rest of a route costs at least, above worth, by order and slot of time in which it is left.

    Loads do not count, and an order may come again, though not at once: so there are the least, the least with another
    order following, and who follows in the first case.
    """
    n = len(service)
    unit = (closes - opens) // slots + 1
    best = np.full((n, slots), NEVER)
    other = np.full((n, slots), NEVER)
    following = np.full((n, slots), -1, np.int64)
    for slot in range(slots - 1, -1, -1):
        begin = opens + slot * unit
        for i in range(n):
            if begin + unit <= early[i] + service[i] or begin > late[i] + service[i]:
                continue
            one, two, who = NEVER, NEVER, -1
            if begin + seconds[i, n + 1] <= closes:
                one = cost[i, n + 1]
            for pos in range(after.shape[1]):
                j = after[i, pos]
                if j < 0:
                    break
                at = begin + seconds[i, j]
                if at > late[j]:
                    continue
                at = max(at, early[j]) + service[j]
                then = max(slot + 1, (at - opens) // unit)
                if then >= slots:
                    continue
                money = cost[i, j] - worth[j] + (other[j, then] if following[j, then] == i else best[j, then])
                if money < one:
                    one, two, who = money, one, j
                elif money < two:
                    two = money
            best[i, slot], other[i, slot], following[i, slot] = one, two, who
    return best, other, following


@numba.njit(cache=True, nogil=True)
def owed(odd: Integers, other: Integers, flipped: int, tolls: Floats) -> float:
    """Tolls of the triples that are in both of two sets; in the first alone where ``flipped`` is -1 and not 0."""
    total = 0.0
    for d in range(len(odd)):
        both = odd[d] & (other[d] ^ flipped)
        number = d * BITS
        while both:
            if both & 1:
                total += tolls[number]
            both >>= 1
            number += 1
    return total


@numba.njit(cache=True, nogil=True)
def labels(  # noqa: PLR0912, PLR0915 - one loop over shared buffers
    cost: Floats,
    seconds: Integers,
    service: Integers,
    early: Integers,
    late: Integers,
    load: Integers,
    room: Integers,
    opens: int,
    closes: int,
    halfway: int,
    most: int,
    after: Integers,
    worth: Floats,
    first: float,
    member_at: Integers,
    members: Integers,
    tolls: Floats,
    width: int,
    below: float,
    strict: bool,
    slots: int,
) -> Labels:
    """Partial routes of at most ``most`` stops, by length, last order and number.

    They cost above worth, without and with what the last order is worth and its tolls, (``short``, ``money``), are
    ready (``ready``), carry (``loads``), serve (``served``, in bits), have an odd number of each triple's orders, with
    and without the last (``odd``, ``before``), and come from a label (``origin``: last order times width and number);
    ``many``: how many there are.

    Parameters
    ----------
    cost, seconds
        Shape (orders + 2, orders + 2): the last two are where routes start and end.
    halfway
        Labels that are ready later are not extended.
    first
        What a route costs whatever it serves.
    member_at, members, tolls
        The triples that each order is in, from one offset to the next, and what a route pays for each that it serves
        two orders of.
    below
        Those that cannot become a route cheaper than this above worth are dropped.
    strict
        Whether one label rules out another only where it serves nobody whom the other does not.
    """
    n, dims = len(service), load.shape[1]
    unit = (closes - opens) // slots + 1
    best, other, following = to_go(cost, seconds, service, early, late, opens, closes, after, worth, slots)
    words, triples = (n + BITS - 1) // BITS, len(tolls) // BITS + 1
    money, short = np.empty((most, n, width)), np.empty((most, n, width))
    rank = np.empty((n, width))
    ready = np.empty((most, n, width), np.int64)
    loads = np.empty((most, n, width, dims), np.int64)
    served = np.zeros((most, n, width, words), np.int64)
    odd = np.zeros((most, n, width, triples), np.int64)
    before = np.zeros((most, n, width, triples), np.int64)
    origin = np.full((most, n, width), -1, np.int64)
    many = np.zeros((most, n), np.int64)
    worst = np.zeros(n, np.int64)
    state, serves = np.zeros(triples, np.int64), np.zeros(words, np.int64)
    for j in range(n):
        at = max(opens + seconds[n, j], early[j])
        fits = at <= late[j] and at + service[j] + seconds[j, n + 1] <= closes
        for d in range(dims):
            fits = fits and load[j, d] <= room[d]
        if not fits:
            continue
        many[0, j] = 1
        short[0, j, 0] = first + cost[n, j]
        money[0, j, 0] = short[0, j, 0] - worth[j]
        ready[0, j, 0] = at + service[j]
        for d in range(dims):
            loads[0, j, 0, d] = load[j, d]
        served[0, j, 0, j // BITS] |= 1 << (j % BITS)
        for p in range(member_at[j], member_at[j + 1]):
            odd[0, j, 0, members[p] // BITS] ^= 1 << (members[p] % BITS)
    for depth in range(most - 1):
        longer, some = depth + 1, False
        for i in range(n):
            for k in range(many[depth, i]):
                if ready[depth, i, k] > halfway:
                    continue
                some = True
                for pos in range(after.shape[1]):
                    j = after[i, pos]
                    if j < 0:
                        break
                    if served[depth, i, k, j // BITS] >> (j % BITS) & 1:
                        continue
                    at = ready[depth, i, k] + seconds[i, j]
                    if at > late[j]:
                        continue
                    at = max(at, early[j]) + service[j]
                    if at + seconds[j, n + 1] > closes:
                        continue
                    own = money[depth, i, k] + cost[i, j]
                    now = own - worth[j]
                    slot = (at - opens) // unit
                    goes = now + (other[j, slot] if following[j, slot] == i else best[j, slot])
                    full = many[longer, j] == width
                    if goes >= below or (full and goes >= rank[j, worst[j]]):
                        continue
                    fits = True
                    for d in range(dims):
                        fits = fits and loads[depth, i, k, d] + load[j, d] <= room[d]
                    if not fits:
                        continue
                    for p in range(triples):
                        state[p] = odd[depth, i, k, p]
                    for p in range(member_at[j], member_at[j + 1]):
                        one = members[p]
                        if state[one // BITS] >> (one % BITS) & 1:
                            now += tolls[one]
                            goes += tolls[one]
                        state[one // BITS] ^= 1 << (one % BITS)
                    if goes >= below or (full and goes >= rank[j, worst[j]]):
                        continue
                    for d in range(words):
                        serves[d] = served[depth, i, k, d]
                    serves[j // BITS] |= 1 << (j % BITS)
                    ruled_out = False
                    for p in range(many[longer, j]):
                        if money[longer, j, p] > now + 1e-9 or ready[longer, j, p] > at:
                            continue
                        ruled_out = True
                        if strict:
                            for d in range(words):
                                ruled_out = ruled_out and not served[longer, j, p, d] & ~serves[d]
                        if ruled_out and len(tolls):
                            # at worst it pays for all triples that are odd for it alone
                            ruled_out = money[longer, j, p] + owed(odd[longer, j, p], state, -1, tolls) <= now + 1e-9
                        if ruled_out:
                            break
                    if ruled_out:
                        continue
                    place = worst[j] if full else many[longer, j]
                    many[longer, j] = max(many[longer, j], place + 1)
                    money[longer, j, place], short[longer, j, place] = now, own
                    ready[longer, j, place], rank[j, place] = at, goes
                    for d in range(dims):
                        loads[longer, j, place, d] = loads[depth, i, k, d] + load[j, d]
                    for d in range(words):
                        served[longer, j, place, d] = serves[d]
                    for d in range(triples):
                        odd[longer, j, place, d] = state[d]
                        before[longer, j, place, d] = odd[depth, i, k, d]
                    origin[longer, j, place] = i * width + k
                    dearest = 0
                    for p in range(1, many[longer, j]):
                        if rank[j, p] > rank[j, dearest]:
                            dearest = p
                    worst[j] = dearest
        if not some:
            break
    return money, short, ready, loads, served, odd, before, origin, many
