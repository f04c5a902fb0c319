"""The nearest orders of each order, compiled: one pass a row, no matrix besides the given one."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def nearest(
    seconds: npt.NDArray[np.int32],
    at: Integers,
    service: Integers,
    early: Integers,
    late: Integers,
    serves: Integers,
    weight_wait: float,
    weight_late: float,
    count: int,
) -> Integers:
    """Shape (orders, count): for each order the others with the least weighted travel, waiting and lateness.

    Both directions are weighed, the better one counts. Orders themselves are left out, and those that share no bit of
    ``serves`` (kinds of vehicles that may serve them); a row that has fewer others than ``count`` is filled with -1.
    """
    size = len(at)
    found = np.full((size, count), -1, dtype=np.int64)
    score = np.empty(count, dtype=np.float64)
    for i in range(size):
        kept = 0
        for j in range(size):
            if i == j or serves[i] & serves[j] == 0:
                continue
            there, back = seconds[at[i], at[j]], seconds[at[j], at[i]]
            one = float(there)
            other = float(back)
            if weight_wait > 0.0:
                one += weight_wait * max(0, early[j] - there - service[i] - late[i])
                one += weight_late * max(0, early[i] + service[i] + there - late[j])
                other += weight_wait * max(0, early[i] - back - service[j] - late[j])
                other += weight_late * max(0, early[j] + service[j] + back - late[i])
            value = min(one, other)
            if kept == count and value >= score[count - 1]:
                continue
            k = kept if kept < count else count - 1
            while k > 0 and score[k - 1] > value:
                score[k] = score[k - 1]
                found[i, k] = found[i, k - 1]
                k -= 1
            score[k] = value
            found[i, k] = j
            kept = min(count, kept + 1)
    return found
