"""Further verdicts: on training, size, stability and causes, which a study measures where it was asked to."""

import numpy as np
import pandas as pd

from expertneurons import emergence_report
from expertneurons import stability_names as choices
from expertneurons.emergence_figures import EXPERTS, SIDES
from expertneurons.emergence_report import headline
from expertneurons.further_tables import yes
from expertneurons.statements import between, number
from expertneurons.steering_names import CAPPED, LOGPROB, ON, OTHER, RANDOM
from expertneurons.steering_names import EXPERTS as HELD
from expertneurons.steering_report import ks_of, row_of
from expertneurons.studied import Studied
from expertneurons.verdicts import Row, Verdict, joined, zero

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
    reach = 1.96 * last["se"].mean()
    untrained = [
        f"{title} {number(first.loc[first['norm'] == norm, 'rho'].mean())}"
        for norm, title in study.norms_of(own).items()
    ]
    return Verdict(
        f"In runs of size {own['size'].iloc[0]}, half of the last alignment is there at: {'; '.join(parts)}.",
        f"Without any alignment, rho at the last step would lie within {number(float(reach))} of zero (1.96 SE).",
        f"Mean rho at step {first['step'].iloc[0]:.0f}: {joined(untrained)}.",
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


def sizes(study: Studied, family: str, stimuli: str) -> Verdict | None:
    """Say for how many pairs of neighbouring sizes a difference, equivalence or neither is found."""
    rows = study.of("sizes", family=family, stimuli=stimuli)
    if rows.empty or rows["difference"].isna().all():
        return None
    shown = rows[rows["threshold"].isna() | np.isclose(rows["threshold"].astype(float), study.threshold)]
    parts = {}
    for representation, title in SIDES.items():
        own = shown[(shown["representation"] == representation) & shown["difference"].notna()]
        counts = [
            f"{verdict} in {int(chosen.sum())}"
            for verdict, chosen in (
                ("the larger higher", (own["p"] < 0.05) & (own["difference"] > 0)),
                ("the larger lower", (own["p"] < 0.05) & (own["difference"] < 0)),
                (f"equivalent within {rows['bound'].iloc[0]:g}", (own["p"] >= 0.05) & yes(own["equivalent"])),
                ("undecided", (own["p"] >= 0.05) & ~yes(own["equivalent"])),
            )
            if chosen.any()
        ]
        parts[representation] = f"{title}: {', '.join(counts)} of {len(own)}" if len(own) else f"{title}: not defined"
    return Verdict(
        f"Neighbouring sizes compared for each norm, by {parts[EXPERTS]}.",
        f"A difference of zero; smaller than {rows['bound'].iloc[0]:g} counts as none, by an equivalence test.",
        f"By {parts[SUBSAMPLED]}. Seeds: {rows['seeds'].max():.0f}; p values are not adjusted.",
    )


def stability(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say over which range the alignment moves when other choices are made."""
    rows = study.of("stability", stimuli=stimuli)
    if rows.empty:
        return None
    plain = (rows["sentences"] == "labelled") & ~rows["responses"].isin(["masked", "context"])
    parts: dict[bool, list[str]] = {True: [], False: []}
    for trained in (True, False):
        own = rows[plain & ((rows["model"] == model) == trained) & (rows["score"] != choices.COUNT_MATCHED)]
        for norm, title in study.norms_of(own).items():
            part = own[own["norm"] == norm]
            low, middle, high = (float(end) for end in part["rho"].quantile([0.25, 0.5, 0.75]))
            parts[trained].append(
                f"{title} {number(middle)} (middle half {number(low)} to {number(high)}; the interval is "
                f"above zero in {(part['low'] > 0).sum()} of {len(part)})"
            )
    shuffled = rows[(rows["sentences"] == "shuffled") & (rows["model"] == model)]
    chance = [
        f"{title} {number(shuffled.loc[shuffled['norm'] == norm, 'rho'].median())}"
        for norm, title in study.norms_of(shuffled).items()
    ]
    return Verdict(
        f"Over all choices of pooling, sites, threshold and score the median rho is {joined(parts[True])}.",
        f"With sentences dealt out anew: {joined(chance)} (medians)." if chance else "Zero.",
        f"The same choices with untrained weights: {joined(parts[False])}." if parts[False] else "No control was run.",
    )


def rivals(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say how experts stand beside probes and features with as many units, at the largest number."""
    rows = study.of("rivals", model=model, stimuli=stimuli)
    if rows.empty:
        return None
    last = rows[rows["k"] == rows["k"].max()]
    parts, chance = [], []
    for norm, title in study.norms_of(last).items():
        own = last[(last["norm"] == norm) & last["rho"].notna()].sort_values("rho", ascending=False).to_dict("records")
        ranked = [f"{_method(row)} {number(row['rho'])} {between(row['low'], row['high'])}" for row in own]
        parts.append(f"{title}: {joined(ranked) if ranked else 'not defined'}")
        chance += [f"{title} {number(row['rho'])}" for row in own if row["method"] == "random"]
    scored = last.drop_duplicates("method").dropna(subset="ap")
    held = [f"{_method(row)} {row['ap']:.3f}" for row in scored.to_dict("records")]
    return Verdict(
        f"With {last['k'].iloc[0]} units a concept, rho by method is {'; '.join(parts)}.",
        f"Random units: {joined(chance)}." if chance else "Random units share nothing.",
        f"Held-out AP with as many units: {joined(held)}.",
    )


def _method(row: Row) -> str:
    return str(row["method"]).replace("_", " ")


def agreement(study: Studied, _: str, stimuli: str) -> Verdict | None:
    """Say how far models find the same concepts alike."""
    rows = study.of("models", stimuli=stimuli)
    whole = rows[rows["layer_a"] == choices.NO_LAYER].dropna(subset="rho") if len(rows) else rows
    if whole.empty:
        return None
    ends = whole.loc[[whole["rho"].idxmin(), whole["rho"].idxmax()]].to_dict("records")
    least, most = (f"{number(row['rho'])} {between(row['low'], row['high'])} ({row['a']}, {row['b']})" for row in ends)
    span = f"between {least} and {most}" if len(whole) > 1 else f"by {most}"
    reliability = number(whole[["reliability_a", "reliability_b"]].min().min())
    return Verdict(
        f"The concept similarities of two models correlate {span}; {_many(len(whole))} of models.",
        "Zero, if models found nothing alike in common.",
        f"Reliability of a model's own similarities: {reliability} at the least (halves of the sentences).",
    )


def _many(pairs: int) -> str:
    return f"{pairs} pair" + ("s" if pairs > 1 else "")


def doses(study: Studied, family: str, _: str) -> Verdict | None:
    """Say what a concept lacks that the training text seldom names."""
    rows = study.of("dose_effects", family=family)
    return Verdict(
        emergence_report.doses(rows, study.threshold)[-2],
        "Zero, if a concept were aligned with its features no better than with others'.",
        "The same concepts at the highest dose, in the same runs.",
    )


def causes(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say what forcing as many experts as help the most does, against matched random units."""
    rows = study.of("steering_effects", model=model, stimuli=stimuli)
    if rows.empty:
        return None
    means = {k: row_of(rows, ON, LOGPROB, k, HELD) for k in ks_of(rows)}
    best = max(means, key=lambda k: means[k]["value"])
    mean, beyond, other = (
        means[best],
        row_of(rows, ON, LOGPROB, best, HELD, RANDOM),
        row_of(rows, ON, LOGPROB, best, HELD, OTHER),
    )
    verb = "makes" if beyond["low"] > 0 else "does not for certain make"
    silent = row_of(rows, CAPPED, LOGPROB, best, HELD)
    units = "1 expert" if best == 1 else f"{best} experts"
    return Verdict(
        f"Forcing {units} of a concept {verb} its word more probable than forcing matched random units does "
        f"({_nats(beyond)}), {_nats(mean)} in all; keeping them from rising changes it by {_nats(silent)}.",
        f"No change; of {len(means)} numbers of units the one with the largest effect is told.",
        f"Matched random units: {_nats(row_of(rows, ON, LOGPROB, best, RANDOM))}; beyond another concept's experts: "
        f"{_nats(other)}.",
    )


def _nats(row: Row) -> str:
    return f"{number(row['value'])} {between(row['low'], row['high'])} nats{zero(row)}"
