"""Report: one self-contained page that tells what was run, what was found and against what control."""

from pathlib import Path
from typing import Any

import pandas as pd

from expertneurons import pages, statements, tables

FIGURES = {
    "alignment_by_threshold": "Do experts align with people?",
    "expert_counts": "How many experts does a concept have?",
    "layers": "Where are they?",
    "similarity_matrix": "Which concepts share experts?",
    "ap_distribution": "Could chance make these experts?",
}
HEADLINE = "experts.jaccard"


def write_report(
    template: Path,
    captions: Path,
    alignment: Path,
    experts: Path,
    comparisons: Path,
    mixed_models: Path,
    agreement: Path,
    figures: Path,
    output: Path,
    title: str,
    threshold: float,
    reported: list[str],
    stimuli: list[str],
    norm_labels: list[str],
    model_labels: list[str],
    control_of: list[str],
    validation: Path | None = None,
    stages: list[Path] | None = None,
) -> None:
    """Write the report as one HTML file that needs no network.

    Args:
        template: Jinja template of the page.
        captions: Folder of captions, one text file per figure.
        alignment: The `alignment` table.
        experts: The `experts` table.
        comparisons: The `comparisons` table.
        mixed_models: The `mixed_models` table.
        agreement: The `agreement` table.
        figures: Folder of the figures, by model and stimuli.
        output: HTML file to write.
        title: Heads the page.
        threshold: AP threshold of the headline.
        reported: Models to report.
        stimuli: Sets of stimuli.
        norm_labels: Titles of the norms, each as name=title.
        model_labels: Titles of the models, each as name=title.
        control_of: Untrained controls, each as control=model.
        validation: The `validation` table, where the simulations were run.
        stages: What further stages tell, each a piece of HTML.

    """
    norms, models, controls = (
        dict(pair.split("=", 1) for pair in given) for given in (norm_labels, model_labels, control_of)
    )
    aligned, counted = tables.read(alignment), tables.read(experts)
    compared, mixed = tables.read(comparisons), tables.read(mixed_models)
    sections = []
    for model in reported:
        for name in stimuli:
            own_controls = [control for control, of in controls.items() if of == model]
            rows = aligned[(aligned["stimuli"] == name) & aligned["model"].isin([model, *own_controls])]
            counts = counted[(counted["stimuli"] == name) & (counted["model"] == model)]
            sections.append(
                {
                    "model": models[model],
                    "stimuli": name,
                    "answers": answers(rows, model, own_controls, threshold, norms),
                    "warnings": warnings(rows, own_controls, threshold, norms),
                    "summary": summary(counts, threshold),
                    "differences": statements.differences(_of(compared, model, name), norms),
                    "domains": domains(rows, model, threshold, norms),
                    "slopes": statements.slopes(_of(mixed, model, name), norms),
                    "figures": pages.embedded(figures / model / name, captions, FIGURES),
                    "table": comparison(rows[rows["model"] == model], norms),
                    "concepts": _concepts(counts, threshold),
                    "norms": norms,
                }
            )
    pages.render(
        template,
        output,
        title=title,
        sections=sections,
        stages=[stage.read_text(encoding="utf-8") for stage in stages or []],
        threshold=threshold,
        ceilings=statements.ceilings(tables.read(agreement), norms),
        calibration=statements.calibration(tables.read(validation)) if validation else None,
    )


def _of(rows: pd.DataFrame, model: str, stimuli: str) -> pd.DataFrame:
    return rows[(rows["model"] == model) & (rows["stimuli"] == stimuli)]


def domains(rows: pd.DataFrame, model: str, threshold: float, norms: dict[str, str]) -> list[str]:
    """Say for each norm how well experts align within and between domains."""
    return [
        f"{title}: {statements.by_domain(_headline(rows, model, norm, threshold))}." for norm, title in norms.items()
    ]


def _headline(rows: pd.DataFrame, model: str, norm: str, threshold: float) -> Any:
    chosen = rows[
        (rows["model"] == model)
        & (rows["norm"] == norm)
        & (rows["representation"] == HEADLINE)
        & ((rows["threshold"] - threshold).abs() < 1e-9)
    ]
    return chosen.iloc[0]


def estimate(row: Any) -> str:
    """Write a correlation with its interval, or say why there is none."""
    if pd.isna(row["rho"]):
        return f"not defined ({row['n_pairs']} pairs, whose similarities are too few or all equal)"
    return f"rho = {row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def answers(rows: pd.DataFrame, model: str, controls: list[str], threshold: float, norms: dict[str, str]) -> list[str]:
    """One sentence per norm, made from the numbers: estimate, interval, n, chance and control."""
    told = []
    for norm, title in norms.items():
        row = _headline(rows, model, norm, threshold)
        verdict = "aligns with" if row["low"] > 0 else "does not align, within its interval, with"
        text = (
            f"Expert overlap at AP >= {threshold:g} {verdict} {title}: {estimate(row)}, {row['n_pairs']} pairs of "
            f"{row['n_concepts']} concepts, p = {row['p']:.4f} by node permutation (95% of permutations lie from "
            f"{row['null_low']:.2f} to {row['null_high']:.2f})."
        )
        for control in controls:
            text += f" The same model with untrained weights: {estimate(_headline(rows, control, norm, threshold))}."
        told.append(text)
    return told


def warnings(rows: pd.DataFrame, controls: list[str], threshold: float, norms: dict[str, str]) -> list[str]:
    """Say which control failed: an untrained model whose experts align with people."""
    return [
        f"Control failed: with untrained weights, expert overlap aligns with {title} ({estimate(row)}); "
        "part of the alignment comes from the sentences or the tokenizer."
        for control in controls
        for norm, title in norms.items()
        if (row := _headline(rows, control, norm, threshold))["low"] > 0
    ]


def summary(counts: pd.DataFrame, threshold: float) -> str:
    """Say how many experts concepts have, against chance."""
    own = counts[(counts["threshold"] - threshold).abs() < 1e-9]
    return (
        f"{len(own)} concepts; at AP >= {threshold:g} the median concept has {own['n_experts'].median():.0f} experts "
        f"(range {own['n_experts'].min()} to {own['n_experts'].max()}), shuffled labels give "
        f"{own['n_expected_by_chance'].mean():.2f}; {(own['n_experts'] == 0).sum()} concepts have none."
    )


def comparison(rows: pd.DataFrame, norms: dict[str, str]) -> list[dict[str, Any]]:
    """Every representation with its alignment to every norm, the strongest first."""
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for row in rows.to_dict("records"):
        limit = row["threshold"]
        key = (str(row["representation"]), -1.0 if pd.isna(limit) else float(limit))
        entry = found.setdefault(
            key, {"name": row["representation"], "threshold": "" if pd.isna(limit) else f"{limit:g}"}
        )
        entry[str(row["norm"])] = row
    first = next(iter(norms))
    return sorted(found.values(), key=lambda entry: -entry[first]["rho"] if pd.notna(entry[first]["rho"]) else 2)


def _concepts(counts: pd.DataFrame, threshold: float) -> list[dict[str, Any]]:
    own = counts[(counts["threshold"] - threshold).abs() < 1e-9]
    return [{str(key): value for key, value in row.items()} for row in own.sort_values("concept").to_dict("records")]
