"""Simulate the pairs on which lme4 is run: `python make_pairs.py` writes pairs.csv beside itself."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

CONCEPTS, PAIRS, SEED = 80, 400, 20240613


def simulate() -> pd.DataFrame:
    """Ratings, a covariate and the similarities of two conditions, with effects of concepts, slopes and pairs."""
    rng = np.random.default_rng(SEED)
    every = np.array(list(combinations(range(CONCEPTS), 2)))
    often = rng.gamma(4, size=CONCEPTS)  # some concepts stand in many pairs
    weights = often[every].prod(axis=1)
    pairs = every[rng.choice(len(every), PAIRS, replace=False, p=weights / weights.sum())]
    turned = rng.random(PAIRS) < 0.5
    pairs[turned] = pairs[turned, ::-1]

    def of_both(sd: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(rng.normal(0, sd, CONCEPTS)[pairs].sum(axis=1))

    rating = of_both(0.4) + rng.normal(0, 0.8, PAIRS)
    covariate = 0.4 * rating + of_both(0.3) + rng.normal(0, 0.8, PAIRS)
    shared = of_both(0.3) + rng.normal(0, 0.4, PAIRS) + 0.15 * covariate
    columns = {"word1": [f"w{a:03d}" for a in pairs[:, 0]], "word2": [f"w{b:03d}" for b in pairs[:, 1]]}
    table = pd.DataFrame({**columns, "rating": rating})
    for name, slope in (("similarity", 0.5), ("similarity2", 0.3)):
        own = of_both(0.2) + of_both(0.15) * rating + rng.normal(0, 0.6, PAIRS)
        table[name] = 0.1 + slope * rating + shared + own
    table["covariate"] = covariate
    return table


if __name__ == "__main__":
    simulate().to_csv(Path(__file__).with_name("pairs.csv"), index=False, float_format="%.6f", lineterminator="\n")
