"""Verdicts on growth: when alignment emerges in training, what size makes of it, and what rare concepts lack."""

import numpy as np
import pandas as pd

from expertneurons import emergence_report
from expertneurons.emergence_figures import EXPERTS
from expertneurons.emergence_report import headline
from expertneurons.further_tables import yes
from expertneurons.organisation_statements import SIGNIFICANT
from expertneurons.statements import between, number, p_value
from expertneurons.studied import Studied
from expertneurons.verdicts import Verdict, joined

SUBSAMPLED = "experts.subsampled"


def growth(study: Studied, family: str, stimuli: str) -> Verdict | None:
    """Say when half of the last alignment of the largest size is there, for every norm."""
    grown = study.of("emergence", family=family, stimuli=stimuli)
    halves = study.of("half_rise", family=family, stimuli=stimuli)
    if grown.empty:
        return None
    own, rise = headline(grown, study.threshold), headline(halves, study.threshold)
    own = own[own["parameters"] == own["parameters"].max()]
    parts = [f"{title}: {_half(rise, own, norm)}" for norm, title in study.norms_of(own).items()]
    last, first = (own[own["step"] == step] for step in (own["step"].max(), own["step"].min()))
    reach = [
        f"{number(1.96 * float(last.loc[last['norm'] == norm, 'se'].mean()))} with {title}"
        for norm, title in study.norms_of(own).items()
    ]
    untrained = [
        f"{title} {number(first.loc[first['norm'] == norm, 'rho'].mean())}"
        for norm, title in study.norms_of(own).items()
    ]
    start = f"Mean rho of the same {_runs(first['run'].nunique())} at step {first['step'].iloc[0]:.0f}"
    return Verdict(
        f"In runs of size {own['size'].iloc[0]}, half of the last alignment is there at: {'; '.join(parts)}.",
        f"Zero; 1.96 standard errors of rho at the last step are {joined(reach)}.",
        f"{start}: {joined(untrained)}.",
    )


def _half(rise: pd.DataFrame, own: pd.DataFrame, norm: str) -> str:
    rows = rise[(rise["norm"] == norm) & rise["run"].isin(own["run"])].sort_values("seed")
    emerged = rows[yes(rows["emerged"]) & rows["half_monotone"].notna()]
    if emerged.empty:
        return "no emergence detected"
    steps = [
        f"{row['half_monotone']:.0f} [{row['half_monotone_low']:.0f}, {row['half_monotone_high']:.0f}]"
        for row in emerged.to_dict("records")
    ]
    missing = len(rows) - len(emerged)
    return f"step {joined(steps)}" + (f", and not in {missing} more" if missing else "")


def _runs(count: int) -> str:
    return "run" if count == 1 else f"{count} runs"


def sizes(study: Studied, family: str, stimuli: str) -> Verdict | None:
    """Say for every norm how far the largest size is above the smallest, with all units and with equally many."""
    rows = study.of("sizes", family=family, stimuli=stimuli)
    if rows.empty:
        return None
    # The outermost sizes: the smallest is never the larger one of two, the largest never the smaller.
    ends = rows[~rows["smaller"].isin(rows["larger"]) & ~rows["larger"].isin(rows["smaller"])]
    ends = ends[np.isclose(ends["threshold"].astype(float), study.threshold)]
    if ends["difference"].isna().all():
        return None
    told = {name: _ends(study, ends[ends["representation"] == name]) for name in (EXPERTS, SUBSAMPLED)}
    larger, smaller = ends["larger"].iloc[0], ends["smaller"].iloc[0]
    bound, seeds = rows["bound"].max(), rows["seeds"].max()
    return Verdict(
        f"Difference in rho between the largest size and the smallest ({larger} - {smaller}), expert overlap at "
        f"AP >= {study.threshold:g}: {told[EXPERTS]}.",
        f"A difference of zero; smaller than {bound:g} counts as none, by an equivalence test. Intervals are for new "
        f"concepts and hold the seeds fixed, of which there are {seeds:.0f} a size; p values are not adjusted.",
        f"With equally many units: {told[SUBSAMPLED]}.",
    )


def _ends(study: Studied, rows: pd.DataFrame) -> str:
    parts = []
    for norm, title in study.norms_of(rows).items():
        row = rows[rows["norm"] == norm].iloc[0]
        if pd.isna(row["difference"]):
            parts.append(f"{title}: {row['note']}")
            continue
        verdict = f"equivalent within {row['bound']:g}" if row["equivalent"] else "undecided"
        if row["p"] < SIGNIFICANT:
            verdict = "the larger higher" if row["difference"] > 0 else "the larger lower"
        parts.append(
            f"{title} {number(row['difference'])} {between(row['low'], row['high'])}, {p_value(row['p'])}, "
            f"{row['n_pairs']:.0f} pairs: {verdict}"
        )
    return "; ".join(parts) or "not defined"


def doses(study: Studied, family: str, _: str) -> Verdict | None:
    """Say what a concept lacks that the training text seldom names."""
    rows = study.of("dose_effects", family=family)
    return Verdict(
        emergence_report.doses(rows, study.threshold)[-2],
        "Zero, if a concept were aligned with its features no better than with others'.",
        "The same concepts at the highest dose, in the same runs.",
    )
