"""Similarity: expert sets and vectors of concepts to concept-by-concept matrices."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Matrix = npt.NDArray[np.float64]
FEATURES_AT_ONCE = 1 << 14

Sets = npt.NDArray[np.bool_] | sparse.csr_array | sparse.csr_matrix


def shared(experts: Sets) -> tuple[Matrix, Matrix]:
    """Count shared units of every two sets, (concepts, concepts), and the sizes of the sets, (concepts,)."""
    rows = sparse.csr_array(experts).astype(np.int32)
    common = np.asarray((rows @ rows.T).todense(), np.float64)
    return common, common.diagonal()


def _ratio(part: Matrix, whole: Matrix) -> Matrix:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def jaccard(experts: Sets) -> Matrix:
    """Jaccard overlap |A and B| / |A or B| of every two expert sets.

    Args:
        experts: (concepts, units) of booleans, dense or sparse.

    Returns:
        (concepts, concepts), 0 to 1; NaN where both sets are empty, since 0/0 is undefined.

    """
    common, sizes = shared(experts)
    return _ratio(common, sizes[:, None] + sizes[None, :] - common)


def overlap(experts: Sets) -> Matrix:
    """Overlap coefficient |A and B| / min(|A|, |B|); arguments as `jaccard`; NaN where either set is empty."""
    common, sizes = shared(experts)
    return _ratio(common, np.minimum(sizes[:, None], sizes[None, :]))


def cosine(vectors: npt.NDArray[Any], origin: npt.NDArray[Any] | float = 0.0) -> Matrix:
    """Cosine of every two rows of (concepts, features), seen from `origin`: a number, or (concepts, 1) of them.

    Works through the features in blocks, so that a memory-mapped array need not fit. NaN where a row is zero or
    unknown (NaN).
    """
    products = np.zeros((len(vectors), len(vectors)))
    for first in range(0, vectors.shape[1], FEATURES_AT_ONCE):
        block = np.asarray(vectors[:, first : first + FEATURES_AT_ONCE], np.float64) - origin
        products += block @ block.T
    lengths = np.sqrt(products.diagonal())
    return _ratio(products, np.outer(lengths, lengths))


def standardised(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Z-score every feature over the concepts, (concepts, features); a constant feature becomes zero."""
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    scaled: npt.NDArray[np.float64] = np.zeros_like(centred)
    np.divide(centred, spread, out=scaled, where=spread > 0)
    return scaled


def distances(similarity: npt.NDArray[Any]) -> Matrix:
    """Return 1 - similarity of every two concepts, condensed as scipy wants it."""
    return np.asarray(1 - np.asarray(similarity, np.float64)[np.triu_indices(len(similarity), 1)])
