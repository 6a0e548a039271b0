"""Audit warnings: plain reasons not to trust the experts of a concept, each by an explicit rule."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from expertneurons.distribution import BINS, PERMUTED

NULL, REGISTER, SENSES, WORD = "null", "register", "senses", "word"
LABELS = {
    NULL: "No better than chance",
    REGISTER: "One register only",
    SENSES: "Senses mixed",
    WORD: "The word alone",
}
CHECKS = {
    NULL: "it survives held-out sentences and shuffled labels",
    REGISTER: "it is an expert in every register",
    SENSES: "it serves all of the concept's sentences",
    WORD: "more than the word itself drives it",
}

# Whether something beats chance is decided by the AUROC: among few sentences the AP of a random ranking lies above the
# prevalence.
CHANCE = 0.5
NULL_LIMIT = 0.05  # units as good as the best one that shuffled labels may give
REGISTER_GAP = 0.2  # AP by which one register must fall behind another
PEAK_SHARE = 0.9  # of the sentences in which a unit peaks on the concept's own tokens
WORD_SHARE = 0.5  # of the shown units that the word alone drives


class Warned(NamedTuple):
    """A warning: its kind, and the reason in words."""

    kind: str
    text: str

    @property
    def label(self) -> str:
        """What the warning is called on the pages."""
        return LABELS[self.kind]


def warnings_of(
    best: Mapping[str, Any],
    listed: pd.DataFrame,
    registers: pd.DataFrame,
    best_ap: float,
    by_chance: float,
    threshold: float,
) -> list[Warned]:
    """Every warning about one concept.

    Args:
        best: Row of the concept as `hold_out` writes it.
        listed: Its listed units: ap and, for those shown, peak_share, ap_without, auroc_without and its interval.
        registers: Its rows of AP by register: register, ap.
        best_ap: Of all units, on all sentences.
        by_chance: Units that shuffled labels put at or above the concept's best AP.
        threshold: AP from which a unit is an expert.

    """
    return [
        *_null(best, best_ap, by_chance),
        *_register(registers, threshold),
        *_senses(best, threshold),
        *_word(listed),
    ]


def by_chance(distribution: pd.DataFrame, ap: float, positives: int) -> float:
    """Bound how many units shuffled labels put at or above an AP: (b + 1) / (m + 1), so never zero.

    By Markov's inequality this is also a bound for the chance that the best unit of shuffled labels is as good.
    """
    null = distribution[(distribution["kind"] == PERMUTED) & (distribution["n_positives"] == positives)]
    least = np.floor(ap * BINS + 1e-3) / BINS
    return float((null.loc[null["low"] >= least - 1e-9, "count"].sum() + 1) / (null["sets"].max() + 1))


def _null(best: Mapping[str, Any], ap: float, found: float) -> Iterator[Warned]:
    reasons = []
    if found > NULL_LIMIT:
        reasons.append(
            f"Shuffled labels give {found:.2g} units as good as its best one (AP {ap:.2f}); more than {NULL_LIMIT} is "
            "too many."
        )
    if not best["held_out_auroc_low"] > CHANCE:
        reasons.append(
            f"On held-out sentences its best unit has an AUROC of {best['held_out_auroc']:.2f} "
            f"[{best['held_out_auroc_low']:.2f}, {best['held_out_auroc_high']:.2f}] (AP {best['held_out_ap']:.2f}), "
            "and chance is 0.5."
        )
    if reasons:
        yield Warned(NULL, " ".join(reasons))


def _register(registers: pd.DataFrame, threshold: float) -> Iterator[Warned]:
    medians = registers.groupby("register")["ap"].median().sort_values()
    if len(medians) < 2:
        return
    worst, first = medians.index[[0, -1]]
    low, high = medians.iloc[[0, -1]]
    if low < threshold <= high and high - low >= REGISTER_GAP:
        yield Warned(
            REGISTER,
            f"Its units tell it apart in the register {first!r} (median AP {high:.2f}) but not in {worst!r} "
            f"({low:.2f}; an expert has {threshold:g}).",
        )


def _senses(best: Mapping[str, Any], threshold: float) -> Iterator[Warned]:
    own = [best["group_own_1"], best["group_own_2"]]
    other = [best["group_other_1"], best["group_other_2"]]
    if min(own) >= threshold > max(other):  # never so where there are no groups, whose AP is NaN
        yield Warned(
            SENSES,
            "Its sentences fall into two groups whose experts do not find the other group (AP "
            f"{other[0]:.2f} and {other[1]:.2f}; on their own group {own[0]:.2f} and {own[1]:.2f}). Read both groups: "
            "is it one concept?",
        )


def _word(listed: pd.DataFrame) -> Iterator[Warned]:
    known = listed.dropna(subset=["peak_share", "auroc_without"])
    driven = known[(known["peak_share"] >= PEAK_SHARE) & (known["auroc_without_low"] <= CHANCE)]
    if len(driven) and len(driven) >= WORD_SHARE * len(known):
        yield Warned(
            WORD,
            f"{len(driven)} of its {len(known)} best units peak on the word itself in nearly all of its sentences (the "
            f"least of them in {driven['peak_share'].min():.0%}); without the word their AUROC falls to "
            f"{driven['auroc_without'].median():.2f} (median; AP {driven['ap_without'].median():.2f}), and chance, "
            "0.5, is in the interval.",
        )
