"""Covariates of pairs: what may make two concepts alike besides their meaning."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons.alignment import by_domain

Values = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

WORDS = ("log_frequency", "word_length", "co_occurrence", "text_overlap", "same_domain")
TEXT_OVERLAP = "text_overlap"
TEXTS = ("text.partner_words", "text.tfidf")


def covariates(concepts: pd.DataFrame, pairs: Pairs, texts: Mapping[str, npt.NDArray[np.float64]]) -> pd.DataFrame:
    """Covariates of pairs of concepts, one row per pair.

    Args:
        concepts: Their table: concept, domain.
        pairs: (pairs, 2).
        texts: Similarity (concepts, concepts) of the sentences: how often one mentions the other, and TF-IDF.

    Returns:
        log_frequency: mean over the two words of log10 of their uses per thousand million words of English (Zipf
            scale of van Heuven et al. 2014, doi 10.1080/17470218.2013.850521, by wordfreq);
        word_length: their mean length in letters;
        co_occurrence: share of sentences of one that mention the other, both ways summed;
        text_overlap: cosine of the TF-IDF vectors of their sentences without the concept words;
        same_domain: 1 where they share a named domain.

    """
    words: Sequence[str] = concepts["concept"].tolist()
    first, second = pairs.T
    return pd.DataFrame(
        {
            "log_frequency": _zipf(words)[pairs].mean(axis=1),
            "word_length": np.array([len(word) for word in words], np.float64)[pairs].mean(axis=1),
            "co_occurrence": texts[TEXTS[0]][first, second].astype(np.float64),
            "text_overlap": texts[TEXTS[1]][first, second].astype(np.float64),
            "same_domain": by_domain(concepts, pairs)["within"].astype(np.float64),
        }
    )


def _zipf(words: Sequence[str]) -> Values:
    from wordfreq import zipf_frequency

    return np.array([zipf_frequency(word, "en") for word in words], np.float64)
