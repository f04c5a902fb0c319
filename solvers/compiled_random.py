"""The random numbers of compiled code: Numba keeps a generator of its own, which NumPy's seeds do not reach."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def seed_compiled(seed: int) -> None:
    """Seed the generator of this thread's compiled code; ``seed`` below 2**32."""
    np.random.seed(seed)
