"""Graph: concepts joined where their experts overlap more than those of random sets, laid out the same every time."""

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons.popular_units import Compared
from expertneurons.random_sets import overlaps

BEYOND = 0.01  # share of random sets that may overlap as much: above the null's 99th percentile


def edge_table(compared: Compared, sets: sparse.csr_array, concepts: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """List the pairs whose experts overlap more than in 99% of random sets.

    Args:
        compared: Overlaps beside those of random sets.
        sets: Sparse (concepts, units) expert sets.
        concepts: Table of the concepts.
        units: Index of the units: layer.

    Returns:
        concept_a, concept_b, overlap (Jaccard), shared, shared_expected, p, and one column layer_N of shared experts
        per layer, the largest overlap first.

    """
    first, second = np.nonzero(np.triu((compared.p <= BEYOND) & (compared.shared > 0), 1))
    names = concepts["concept"].to_numpy(str)
    pairs = first, second
    table = {
        "concept_a": names[first],
        "concept_b": names[second],
        "overlap": compared.jaccard[pairs],
        "shared": compared.shared[pairs].astype(int),
        "shared_expected": compared.expected[pairs],
        "p": compared.p[pairs],
    }
    for layer, rows in units.groupby("layer"):
        table[f"layer_{layer}"] = overlaps(sets[:, rows["unit"].to_numpy()])[pairs]
    order = np.lexsort((table["concept_b"], table["concept_a"], -table["overlap"]))
    return pd.DataFrame(table).iloc[order].reset_index(drop=True)
