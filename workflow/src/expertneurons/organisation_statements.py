"""Organisation statements: how concepts are organised, in sentences that claim what the nulls allow."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from expertneurons import organisation_names as names
from expertneurons.statements import between, number, p_value

Row = dict[str, Any]

SIGNIFICANT = 0.05


def find(rows: pd.DataFrame, threshold: float, measure: str, null: str | None = None, norm: str = "") -> Row | None:
    """Return the overall row of a measure of the experts at one threshold; None where there is none."""
    own = rows[
        (rows["measure"] == measure)
        & (rows["domain"] == "")
        & (rows["norm"] == norm)
        & rows["representation"].isin([names.EXPERTS, names.HEADLINE])
        & ((rows["threshold"] - threshold).abs() < 1e-9)
    ]
    own = own if null is None else own[own["null"] == null]
    return {str(key): value for key, value in own.iloc[0].items()} if len(own) else None


def against(row: Row) -> str:
    """Write a value with its null and p value."""
    return f"{number(row['value'])} against {number(row['null_mean'])} ({row['null']}, {p_value(row['p'])})"


def estimated(row: Mapping[Any, Any]) -> str:
    """Write a value with its interval."""
    return f"{number(row['value'])} {between(row['low'], row['high'])}"


def domain_statements(rows: pd.DataFrame, model: str, controls: list[str], threshold: float) -> list[str]:
    """Say how well expert overlap tells domains apart, and whether popular units, text or untrained weights do too."""
    own = rows[rows["model"] == model]
    told = []
    for measure, title in (
        (names.AUC, "A pair of one domain overlaps more than a pair of two (AUC)"),
        (names.TRIPLETS, "Of two concepts of a domain and one of another, the two overlap most"),
    ):
        row = find(own, threshold, measure, names.LABELS)
        if row is None:
            told.append(f"{title}: not defined.")
            continue
        text = f"{title}: {against(row)}, interval for new concepts {between(row['low'], row['high'])}"
        if popular := find(own, threshold, measure, names.SETS):
            text += f"; random sets over equally popular units {number(popular['null_mean'])}"
        for control in controls:
            if untrained := find(rows[rows["model"] == control], threshold, measure, names.LABELS):
                text += f"; untrained weights {estimated(untrained)}"
        words = own[(own["representation"] == names.WORDS) & (own["measure"] == measure) & (own["domain"] == "")]
        for _, text_alone in words[words["null"] == names.LABELS].iterrows():
            text += f"; TF-IDF of the sentences {estimated(text_alone.to_dict())}"
        told.append(f"{text}.")
    tree = {name: find(own, threshold, name, names.LABELS) for name in (names.PURITY, names.ARI, names.AMI)}
    titles = ("purity", "adjusted Rand index", "adjusted mutual information")
    parts = [f"{title} {against(row)}" for title, row in zip(titles, tree.values(), strict=True) if row]
    if parts:
        told.append(f"Average-linkage tree, the last two at one cut: {'; '.join(parts)}.")
    return told


def people_statements(own: pd.DataFrame, threshold: float, norms: dict[str, str]) -> list[str]:
    """Say for each norm how triplets and trees agree with people, or why its ratings do not allow it."""
    told = []
    for norm, title in norms.items():
        row = find(own, threshold, names.RATED_TRIPLETS, norm=norm)
        if row is None:
            continue
        if np.isnan(row["value"]):
            told.append(f"{title}: triplet accuracy not defined; {row['note']}.")
        else:
            told.append(f"{title}: people's pair of three overlaps most in {against(row)}; {row['note']}.")
        trees = {name: find(own, threshold, name, norm=norm) for name in (names.BAKER, names.HUMAN_TREE)}
        known = [f"{name.replace('_', ' ')} {against(row)}" for name, row in trees.items() if row and row["p"] > 0]
        reason = next((row["note"] for row in trees.values() if row), "")
        told.append(f"{title}, trees: {'; '.join(known) if known else reason}.")
    return told


def clear(row: Row | None) -> bool:
    """Whether a test is significant and, where it has an interval for new words, that leaves out the null's mean."""
    if row is None or not row["p"] < SIGNIFICANT:
        return False
    return not row["low"] <= row["null_mean"] <= row["high"]


def _above(row: Row) -> bool:
    return clear(row) and bool(row["value"] > row["null_mean"])


def _sized(title: str, row: Row) -> str:
    """Write the size of what a test finds beside its null, with the interval for new words where there is one."""
    ends = "" if np.isnan(row["low"]) else f", for new words {row['low']:.3g} to {row['high']:.3g}"
    value = f"{row['value']:.3g} against {row['null_mean']:.3g}"
    return f"{title}: {value} ({row['null']}, {p_value(row['p'])}){ends}"


def claims(own: pd.DataFrame, threshold: float) -> list[str]:
    """Return what may be claimed of hierarchy: relatedness of members and words, and a direction between them.

    Relatedness takes coverage and lift each above its null. A direction takes relatedness, the graded asymmetry against
    shuffled labels, and the adjusted one against shuffled roles, both the same way.
    """
    coverage, lift = (find(own, threshold, measure, names.LABELS) for measure in (names.COVERAGE, names.LIFT))
    if coverage is None or lift is None or not (_above(coverage) and _above(lift)):
        return []
    found = [
        "category words share more experts with their members than with other categories' members "
        f"({_sized('lift', lift)}, {lift['n']:.0f} members)."
    ]
    common = find(own, threshold, names.COMMON)
    if common and _above(common):
        size = f"{_sized('AUROC', common)}, {common['n']:.0f} category words"
        found.append(f"units that serve many members of a category tend to serve its word ({size}).")
    label, role = find(own, threshold, names.ASYMMETRY, names.LABELS), find(own, threshold, names.ADJUSTED, names.ROLES)
    if label and role and label["p"] < SIGNIFICANT and clear(role):
        way = np.sign(role["value"] - role["null_mean"])
        if way == np.sign(label["value"] - label["null_mean"]):
            carry = ("members' experts carry the category word", "the word's experts carry the members")
            more, less = carry if way > 0 else carry[::-1]
            size = f"{_sized('graded asymmetry, sizes set aside', role)}, {role['n']:.0f} members"
            found.append(f"{more} more than {less}: a direction that the sizes of the sets do not explain ({size}).")
    return found


def hierarchy_statements(own: pd.DataFrame, threshold: float) -> list[str]:
    """Say what each test of hierarchy gives, and what raw containment is worth."""
    titles = {
        (names.COVERAGE, names.LABELS): "Coverage of the word's experts by true members in size-matched sets",
        (names.LIFT, names.LABELS): "Lift of shared experts over two random sets of these sizes",
        (names.LIFT, names.SETS): "The same lift",
        (names.COMMON, names.GROUPS): "Members' common experts predict the word's (AUROC)",
        (names.ASYMMETRY, names.LABELS): "Graded asymmetry (mean AP, up - down)",
        (names.ADJUSTED, names.ROLES): "Graded asymmetry, sizes set aside",
    }
    tests = []
    for (measure, null), title in titles.items():
        row = find(own, threshold, measure, null)
        if row is not None:
            ends = "" if np.isnan(row["low"]) else f", for new words {row['low']:.3g} to {row['high']:.3g}"
            value = f"{row['value']:.3g} against {row['null_mean']:.3g}"
            tests.append(f"{title}: {value} ({null}, {p_value(row['p'])}){ends}.")
    size, mentions = find(own, threshold, names.SIZES), find(own, threshold, names.MENTIONS)
    raw = [
        "Raw containment claims nothing: its sign is that of the size difference"
        + (f" ({size['note']})." if size else ".")
    ]
    if mentions is not None:
        raw.append(
            f"Words in each other's sentences: {100 * mentions['value']:.1f}% of the sentences of members and their "
            f"words, {100 * mentions['null_mean']:.1f}% under shuffled labels."
        )
    return [*tests, *raw]


def polysemy_statements(own: pd.DataFrame, threshold: float, norms: dict[str, str]) -> list[str]:
    """Say how many concepts an expert serves and whether those that share one belong together."""
    told = []
    targets = [
        (names.PER_EXPERT, "", "Concepts of a unit that is an expert of any"),
        (names.SAME_DOMAIN, "", "Same domain among pairs that share a unit, share of"),
    ]
    targets += [
        (names.RATING, norm, f"Mean rating of pairs that share a unit, {title}") for norm, title in norms.items()
    ]
    for measure, norm, title in targets:
        row = find(own, threshold, measure, norm=norm)
        if row is not None:
            told.append(f"{title}: {against(row)}." if row["p"] > 0 else f"{title}: not defined ({row['note']}).")
    return told
