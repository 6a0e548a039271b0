"""Further verdicts: on stability, rivals and causes, which a study measures where it was asked to."""

import numpy as np
import pandas as pd

from expertneurons import stability_names as choices
from expertneurons.grids import formatted
from expertneurons.statements import between, number
from expertneurons.steering_names import CAPPED, LOGPROB, MENTIONS, NONE, ON, OTHER, PERPLEXITY, RANDOM
from expertneurons.steering_names import EXPERTS as HELD
from expertneurons.steering_report import ks_of, percent, ratio, row_of, units
from expertneurons.studied import Studied
from expertneurons.verdicts import Row, Verdict, joined, zero


def stability(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say over which range the alignment moves when other choices are made."""
    rows = study.of("stability", stimuli=stimuli)
    if rows.empty:
        return None
    plain = (rows["sentences"] == "labelled") & ~rows["responses"].isin(["masked", "context"])
    plain &= rows["score"] != choices.COUNT_MATCHED
    own = _over_choices(study, rows[plain & (rows["model"] == model)])
    control = _over_choices(study, rows[plain & rows["model"].isin(study.controls_of(model))])
    shuffled = rows[(rows["sentences"] == "shuffled") & (rows["model"] == model)].dropna(subset="rho")
    chance = [
        f"{title} {number(found.median())} (median of {len(found)})"
        for norm, title in study.norms_of(shuffled).items()
        for found in [shuffled.loc[shuffled["norm"] == norm, "rho"]]
    ]
    return Verdict(
        f"Over all choices of pooling, sites, threshold and score the median rho is {joined(own)}.",
        f"With sentences dealt out anew: {joined(chance)}." if chance else "Zero.",
        f"The same choices with untrained weights: {joined(control)}." if control else "No control was run.",
    )


def _over_choices(study: Studied, rows: pd.DataFrame) -> list[str]:
    """Tell the middle half of the choices in which the alignment is defined, and how many are not."""
    parts = []
    for norm, title in study.norms_of(rows).items():
        part = rows[rows["norm"] == norm]
        known = part["rho"].dropna()
        low, middle, high = (number(end) for end in known.quantile([0.25, 0.5, 0.75]))
        lost = len(part) - len(known)
        parts.append(
            f"{title} {middle} (middle half {low} to {high}; the interval is above zero in {(part['low'] > 0).sum()} "
            f"of {len(known)}{f'; {lost} more undefined' if lost else ''})"
            if len(known)
            else f"{title} not defined in any of {lost}"
        )
    return parts


def rivals(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say how experts stand beside probes and features with as many units, at few, at some and at many."""
    rows = study.of("rivals", model=model, stimuli=stimuli)
    rows = rows[rows["rho"].notna()] if len(rows) else rows
    if rows.empty:
        return None
    # The numbers at which experts are defined with every norm, since a single one can be too few to overlap.
    known = rows[rows["method"] == "experts"].groupby("k")["norm"].nunique()
    ks = known.index[known == known.max()] if len(known) else pd.Index(sorted(rows["k"].unique()))
    chosen = rows[rows["k"].isin([ks.min(), ks[len(ks) // 2], ks.max()])]
    parts, chance = [], []
    for norm, title in study.norms_of(chosen).items():
        own = chosen[chosen["norm"] == norm]
        every = [_beside(part[part["method"] != "random"]) for _, part in own.groupby("k")]
        parts.append(f"{title}, {'; '.join(every)}")
        random = [_beside(part) for _, part in own[own["method"] == "random"].groupby("k")]
        chance += [f"{title}, {'; '.join(random)}"] if random else []
    scored = chosen.drop_duplicates(["k", "method"]).dropna(subset="ap")
    held = [f"{units(part['k'].iloc[0])}: {joined(_named(part, 'ap', 3))}" for _, part in scored.groupby("k")]
    undefined = "" if len(known) else " Experts share too few units to be aligned."
    return Verdict(
        "Rho by method with as many units a concept; differences between methods are not tested. "
        f"{'. '.join(parts)}.{undefined}",
        f"{'. '.join(chance)}." if chance else "Random units share nothing.",
        f"Held-out AP with as many units: {'; '.join(held)}.",
    )


def _beside(rows: pd.DataFrame) -> str:
    """Tell methods with as many units, the best aligned first."""
    ranked = rows.sort_values("rho", ascending=False)
    ends = [between(row["low"], row["high"]) for row in ranked.to_dict("records")]
    parts = [f"{named} {interval}" for named, interval in zip(_named(ranked, "rho", 2), ends, strict=True)]
    return f"{units(rows['k'].iloc[0])}: {joined(parts)} ({rows['n_pairs'].iloc[0]:.0f} pairs)"


def _named(rows: pd.DataFrame, value: str, digits: int) -> list[str]:
    return [
        f"{choices.METHODS[row['method']]} {formatted(row[value], f'.{digits}f')}" for row in rows.to_dict("records")
    ]


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
    held = "1 expert" if best == 1 else f"{best} experts"
    return Verdict(
        f"Forcing {held} of a concept {verb} its word more probable than forcing matched random units does "
        f"({_nats(beyond)}), {_nats(mean)} in all; keeping them from rising changes it by {_nats(silent)}"
        f"{_written(rows, best)}.",
        f"No change; of {len(means)} numbers of units the one with the largest effect is told.",
        f"Matched random units: {_nats(row_of(rows, ON, LOGPROB, best, RANDOM))}; beyond another concept's experts: "
        f"{_nats(other)}{_random_texts(rows, best)}.",
    )


def _written(rows: pd.DataFrame, k: int) -> str:
    """Say what texts cost and mention when experts are forced; a masked model writes none."""
    if not (rows["measure"] == MENTIONS).any():
        return "; a masked model writes no texts"
    cost, usual = row_of(rows, ON, PERPLEXITY, k, HELD, NONE), row_of(rows, ON, MENTIONS, 0, NONE)
    forced = row_of(rows, ON, MENTIONS, k, HELD)
    return (
        f". The texts it then writes have {ratio(cost)} times the perplexity of unforced ones, and "
        f"{percent(forced)} of them mention the concept, {percent(usual)} of unforced ones "
        f"({forced['n_concepts']:.0f} concepts)"
    )


def _random_texts(rows: pd.DataFrame, k: int) -> str:
    """Say the same of texts with random units forced."""
    if not (rows["measure"] == MENTIONS).any():
        return ""
    shown = percent(row_of(rows, ON, MENTIONS, k, RANDOM))
    cost = np.exp(row_of(rows, ON, PERPLEXITY, k, RANDOM)["value"] - row_of(rows, ON, PERPLEXITY, 0, NONE)["value"])
    return f". With random units {shown} of the texts mention the concept, at {cost:.2f} times the perplexity"


def _nats(row: Row) -> str:
    return f"{number(row['value'])} {between(row['low'], row['high'])} nats{zero(row)}"
