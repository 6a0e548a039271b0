"""Further verdicts: on stability, rivals and causes, which a study measures where it was asked to."""

from expertneurons import stability_names as choices
from expertneurons.statements import between, number
from expertneurons.steering_names import CAPPED, LOGPROB, ON, OTHER, RANDOM
from expertneurons.steering_names import EXPERTS as HELD
from expertneurons.steering_report import ks_of, row_of
from expertneurons.studied import Studied
from expertneurons.verdicts import Row, Verdict, joined, zero


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
