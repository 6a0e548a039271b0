"""Audit views: what the pages of the audit show of one concept, as words and numbers ready for a template."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons.audit_tables import main_layer
from expertneurons.audit_warnings import SENSES, Warned
from expertneurons.shading import pieces, scale

View = dict[str, Any]
Read = dict[tuple[int, int], npt.NDArray[np.float32]]

MISSING = "–"


class Texts(NamedTuple):
    """Sentences by number and what was read of them.

    Attributes:
        sentences: By sentence its text, concept_number and register.
        tokens: By sentence the starts and ends of its tokens.
        read: By unit and sentence the activations at these tokens.
        concepts: Names of the concepts.

    """

    sentences: Mapping[int, View]
    tokens: Mapping[int, tuple[npt.NDArray[Any], npt.NDArray[Any]]]
    read: Read
    concepts: Sequence[str]


def records(table: pd.DataFrame) -> list[View]:
    """Rows of a table by the names of its columns."""
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in names), strict=True)]


def figure(value: float, digits: int = 2) -> str:
    """Write a number, or a dash where there is none."""
    return MISSING if pd.isna(value) else f"{value:.{digits}f}"


def interval(row: Mapping[str, Any], name: str) -> View:
    """Write an estimate and its interval in words, and as percentages of the width of a bar from 0 to 1."""
    ends = [float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"])]
    if np.isnan(ends).any():
        return {"known": False, "words": MISSING, "figure": MISSING, "ends": "", "value": -1.0}
    at, low, high = (round(100 * end, 1) for end in ends)
    value, ends_in_words = f"{ends[0]:.3f}", f"[{ends[1]:.3f}, {ends[2]:.3f}]"
    words = {"words": f"{value} {ends_in_words}", "figure": value, "ends": ends_in_words}
    return {"known": True, **words, "value": round(ends[0], 4), "at": at, "low": low, "high": high}


def unit_rows(listed: pd.DataFrame, registers: Sequence[str]) -> list[View]:
    """Rows of the table of units."""
    return [
        {
            "rank": row["rank"],
            "place": f"layer {row['layer']}, {row['site']}, {row['index']}",
            "layer": row["layer"],
            "site": row["site"],
            "index": row["index"],
            "ap": figure(row["ap"], 3),
            "auroc": figure(row["auroc"], 3),
            "held_out": interval(row, "held_out_ap"),
            "held_out_auroc": interval(row, "held_out_auroc")["words"],
            "halves": row["halves"],
            "registers": [figure(row[f"ap_{name}"]) for name in registers],
            "since": MISSING if pd.isna(row["since"]) else f"{row['since']:.0f}",
        }
        for row in records(listed)
    ]


def shown_units(rows: list[View], listed: pd.DataFrame, reads: pd.DataFrame, texts: Texts, pooling: str) -> list[View]:
    """Sections of the units whose sentences are shown, with shaded sentences."""
    found = []
    of_unit = dict(tuple(reads.groupby("unit")))
    for view, row in zip(rows, records(listed), strict=True):
        if row["unit"] not in of_unit:
            continue
        own = of_unit[row["unit"]]
        shade = scale([texts.read[row["unit"], sentence] for sentence in own["sentence"]], pooling)
        parts = {}
        for role, rising in (("most", False), ("least", True)):
            ordered = own[own[role]].sort_values(["response", "sentence"], ascending=[rising, True])
            parts[role] = [_sentence(item, row, shade, texts) for item in records(ordered)]
        known = not pd.isna(row["peak_share"])
        word = {
            "known": known,
            "peaks": f"{row['peak_share']:.0%}" if known else MISSING,
            "without": figure(row["ap_without"]),
            "auroc": interval(row, "auroc_without")["words"],
            "named": int(row["n_named"]) if known else 0,
        }
        found.append({**view, **parts, "word": word})
    return found


def _sentence(item: View, row: View, shade: Any, texts: Texts) -> View:
    number = item["sentence"]
    sentence = texts.sentences[number]
    starts, ends = texts.tokens[number]
    other = int(sentence["concept_number"])
    return {
        "pieces": pieces(sentence["text"], starts, ends, texts.read[row["unit"], number], shade),
        "response": figure(item["response"]),
        "other": "" if other == row["concept_number"] else texts.concepts[other],
        "register": sentence["register"],
    }


def layer_view(profile: pd.DataFrame) -> View:
    """Experts by layer as bars of their sites, against shuffled labels."""
    rows = records(profile)
    sites = list(dict.fromkeys(row["site"] for row in rows))
    layers: dict[int, list[View]] = {}
    for row in rows:
        layers.setdefault(row["layer"], []).append(row)
    totals = {
        layer: {name: sum(row[name] for row in own) for name in ("n_experts", "n_expected", "n_units")}
        for layer, own in layers.items()
    }
    most = max(1.0, *(max(own["n_experts"], own["n_expected"]) for own in totals.values()))
    return {
        "sites": sites,
        "main": main_layer(profile),
        "rows": [
            {
                "layer": layer,
                "parts": [
                    {
                        "site": row["site"],
                        "colour": sites.index(row["site"]),
                        "count": row["n_experts"],
                        "width": round(100 * row["n_experts"] / most, 2),
                    }
                    for row in layers[layer]
                    if row["n_experts"]
                ],
                "total": own["n_experts"],
                "units": own["n_units"],
                "expected": figure(own["n_expected"], 1),
                "chance": round(100 * own["n_expected"] / most, 2),
            }
            for layer, own in sorted(totals.items())
        ],
    }


def neighbour_rows(
    found: list[View], concepts: Sequence[str], pages: Sequence[str], norms: Sequence[str]
) -> list[View]:
    """Rows of the concepts that share experts; ratings in the order of the norms."""
    return [
        {
            "name": concepts[row["other"]],
            "href": pages[row["other"]],
            "overlap": figure(row["overlap"]),
            "shared": row["shared"],
            "expected": figure(row["expected"], 1),
            "ratings": [figure(row["ratings"].get(norm, np.nan), 1) for norm in norms],
        }
        for row in found
    ]


def step_rows(counts: pd.DataFrame) -> list[View]:
    """Rows of one concept's experts by checkpoint."""
    most = max(1, int(counts["n_experts"].max())) if len(counts) else 1
    return [
        {
            "step": row["step"],
            "count": row["n_experts"],
            "best": figure(row["best_ap"]),
            "width": round(100 * row["n_experts"] / most, 2),
        }
        for row in records(counts.sort_values("step"))
    ]


def steering_rows(rows: pd.DataFrame) -> list[View]:
    """Rows of what forcing and silencing a concept's units did."""
    return [
        {
            "condition": row["condition"],
            "k": row["k"],
            "delta": figure(row["delta_logprob"]),
            "mentions": MISSING if pd.isna(row["mention_share"]) else f"{row['mention_share']:.0%}",
            "perplexity": figure(row["perplexity"], 1),
        }
        for row in records(rows.sort_values(["condition", "k"]))
    ]


def groups(best: Mapping[str, Any], warned: Sequence[Warned], texts: Texts, concept: int) -> list[list[str]]:
    """Return the two groups of sentences where senses seem mixed."""
    if not any(own.kind == SENSES for own in warned):
        return []
    own = [number for number, row in texts.sentences.items() if row["concept_number"] == concept]
    first = set(best["group_1"])
    return [[texts.sentences[number]["text"] for number in own if (number in first) == side] for side in (True, False)]
