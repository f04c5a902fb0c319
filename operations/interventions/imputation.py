"""Labels for learning when outcomes were acted upon.

A failure that was prevented looks like an order without risk. Learned as it is, the predictor lowers its risk, the
policy stops treating, and the failures come back. So a treated order's label is what would have become of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def soft_labels(
    failed: npt.NDArray[np.bool_], treated: npt.NDArray[np.bool_], p_untreated: Floats, efficacy: Floats
) -> Floats:
    """Probability that each order would have failed without treatment.

    An order that was not treated is its own label. One that failed in spite of treatment would have failed (no action
    makes a failure). One that was delivered under treatment would have failed with Bayes' probability
    p e / (1 - p (1 - e)), with p the risk believed before and e the efficacy learned from the holdout.

    >>> import numpy as np
    >>> soft_labels(np.array([False]), np.array([True]), np.array([0.5]), np.array([0.5])).round(3).tolist()
    [0.333]
    """
    p = np.clip(p_untreated, 0.0, 1.0)
    would = p * efficacy / np.maximum(1 - p * (1 - efficacy), 1e-9)
    return np.where(failed, 1.0, np.where(treated, would, 0.0))
