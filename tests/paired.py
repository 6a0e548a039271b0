"""Tables of pairs for the tests of mixed models: simulated ones, and those with fits by lme4."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from tiny import ROOT

Array = npt.NDArray[Any]

GOLDEN = ROOT / "tests/golden/mixed"
SHARED = ROOT.parent / "shared/data/statistics"
INTERCEPTS = "similarity ~ 1 + rating + mm(concept)"
SLOPES = "similarity ~ 1 + rating + mm(concept) + mm(concept):rating"


def golden() -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read our own simulated pairs, and lme4's fits to them."""
    table = pd.read_csv(GOLDEN / "pairs.csv")
    return table.assign(contrast=table["similarity"] - table["similarity2"]), _json(GOLDEN / "lme4.json")


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def shared(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a table of the study's notes: its pairs, and their similarities in one column per condition."""
    if not SHARED.is_dir():
        pytest.skip("the tables of the project's notes on statistics are not on this machine")
    table = pd.read_csv(SHARED / f"{name}.csv.gz")
    table = table.rename(columns={"c1": "word1", "c2": "word2", "human": "rating"})
    wide = table.pivot_table(index="pair", columns="cond", values="sim")
    pairs = table.drop_duplicates("pair").set_index("pair").loc[wide.index, ["word1", "word2", "rating"]]
    return pairs.reset_index(), wide.reset_index(drop=True)


def shared_fits(name: str) -> dict[str, Any]:
    """Read lme4's fits to a table of the study's notes."""
    return _json(SHARED / name)


def simulated(
    seed: int, concepts: int = 14, pairs: int = 50, effects: float = 0.5, slopes: float = 0.4, noise: float = 0.5
) -> pd.DataFrame:
    """Pairs whose similarity follows the rating, with effects and slopes of the concepts of the sizes given."""
    rng = np.random.default_rng(seed)
    every = np.array(list(combinations(range(concepts), 2)))
    chosen = every[rng.choice(len(every), pairs, replace=False)]
    turned = rng.random(pairs) < 0.5
    chosen[turned] = chosen[turned, ::-1]

    def of_both(sd: float) -> Array:
        return np.asarray(rng.normal(0, sd, concepts)[chosen].sum(axis=1))

    rating = of_both(0.5) + rng.normal(0, 0.8, pairs)
    similarity = 0.2 + 0.5 * rating + of_both(effects) + of_both(slopes) * rating + rng.normal(0, noise, pairs)
    words = [[f"w{number:03d}" for number in side] for side in chosen.T]
    columns = {"word1": words[0], "word2": words[1], "rating": rating, "similarity": similarity}
    return pd.DataFrame({**columns, "covariate": of_both(0.3) + 0.5 * rating + rng.normal(0, 0.8, pairs)})


def holding(table: pd.DataFrame) -> Array:
    """Say pair by pair and concept by concept, in alphabetical order, whether the pair holds the concept."""
    words = table[["word1", "word2"]].to_numpy(str)
    concepts = sorted(set(words.ravel().tolist()))
    return np.array([[float(concept in pair) for concept in concepts] for pair in words.tolist()])
