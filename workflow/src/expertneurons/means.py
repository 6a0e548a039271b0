"""Means over concepts, the unit of generalisation, with Student's interval."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of what is known of (concepts,) values and the ends of its interval; NaN where that is too little."""
    known: npt.NDArray[Any] = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if known.size == 0:
        return (float("nan"),) * 3
    mean = float(known.mean())
    if known.size == 1:
        return mean, float("nan"), float("nan")
    reach = float(stats.t.ppf(0.5 + level / 2, known.size - 1) * known.std(ddof=1) / np.sqrt(known.size))
    return mean, mean - reach, mean + reach
