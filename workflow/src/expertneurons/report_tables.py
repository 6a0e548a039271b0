"""Report tables: the rows that answer each question, with n, interval, chance and control where there are any."""

import numpy as np
import pandas as pd

from expertneurons.alignment_statements import HEADLINE
from expertneurons.grids import Column, Grid, grid
from expertneurons.layers import ALL
from expertneurons.organisation_names import EXPERTS
from expertneurons.organisation_names import HEADLINE as OVERLAP
from expertneurons.statements import judged
from expertneurons.studied import Studied

NORM = Column("norm", "norm")
RHO, INTERVAL = Column("rho", "rho", ".2f"), Column("interval", "low high", ".2f")
PAIRS, P = Column("pairs", "n_pairs", ".0f"), Column("p", "p", "p")
LIMIT = Column("AP at least", "threshold", "g")


def at(rows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Rows at an AP threshold."""
    return rows[np.isclose(rows["threshold"].astype(float), threshold)]


def titled(study: Studied, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the titles of norms and models."""
    named = rows.assign(norm=rows["norm"].map(lambda norm: study.norms.get(norm, norm)))
    return named.assign(model=named["model"].map(study.title)) if "model" in named else named


def alignment(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return expert overlap by threshold, and the same of controls."""
    rows = study.of("alignment", stimuli=stimuli)
    rows = rows[rows["representation"].isin([HEADLINE, "random_units.jaccard"])]
    own = rows[rows["model"].isin([model, *study.controls_of(model)])].sort_values(
        ["norm", "representation", "model", "threshold"]
    )
    columns = [NORM, Column("model", "model"), Column("representation", "representation"), LIMIT, RHO, INTERVAL, PAIRS]
    columns += [
        Column("concepts", "n_concepts", ".0f"),
        P,
        Column("chance", "null_low null_high", ".2f"),
        Column("share of ceiling", "share_of_ceiling", ".2f"),
    ]
    caption = "Spearman correlation with people by AP threshold; chance is 95% of node permutations."
    return [grid("alignment", caption, titled(study, own), columns)]


def comparison(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return the declared contrasts, all representations and the mixed models' slopes."""
    rows = study.of("comparisons", model=model, stimuli=stimuli)
    rows = rows.assign(verdict=[judged(row) for row in rows.to_dict("records")])
    columns = [
        Column("contrast", "contrast"),
        NORM,
        Column("verdict", "verdict"),
        Column("rho", "rho_a", ".2f"),
        Column("against", "rho_b", ".2f"),
    ]
    columns += [Column("difference", "difference", ".2f"), INTERVAL, P, Column("p, Holm", "p_family", "p")]
    columns += [PAIRS, Column("detectable", "detectable", ".2f")]
    caption = "Declared contrasts on identical pairs; detectable: smallest true difference found with power 0.8."
    found = [grid("comparisons", caption, titled(study, rows), columns)]
    every = study.of("alignment", model=model, stimuli=stimuli).sort_values("rho", ascending=False, na_position="last")
    every = every.assign(same=np.where(every["identical_pairs"].astype(bool), "identical", "its own"))
    columns = [
        Column("representation", "representation"),
        LIMIT,
        NORM,
        RHO,
        INTERVAL,
        PAIRS,
        Column("on pairs", "same"),
        P,
    ]
    found.append(grid("alignment", "Every representation against every norm.", titled(study, every), columns))
    return [*found, *_slopes(study, model, stimuli)]


def _slopes(study: Studied, model: str, stimuli: str) -> list[Grid]:
    rows = study.of("mixed_models", model=model, stimuli=stimuli)
    if rows.empty:
        return []
    own = titled(study, rows[(rows["term"] == "rating") | ~rows["converged"].astype(bool)])
    # Both sides of a difference can bear one name: a representation and that of the untrained control.
    own = own.assign(against=own["against"].replace("", None).map(study.title, na_action="ignore"))
    columns = [Column("mixed model", "name"), NORM, Column("condition", "condition")]
    columns += [Column("model of the subtracted side", "against"), Column("slope", "estimate", ".2f")]
    columns += [INTERVAL, Column("SE", "se", ".3f"), Column("df", "df", ".0f"), P, PAIRS]
    columns += [Column("concepts", "n_concepts", ".0f"), Column("note", "note")]
    caption = (
        "Mixed models: slope of the human rating, concept effects set aside (REML). It is adjusted for concepts that "
        "are similar to everything, so it estimates something else than Spearman. Slopes are secondary: p is not "
        "adjusted for their number, and their scale is that of standard deviations with errors taken as normal."
    )
    return [grid("mixed_models", caption, own, columns)]


def places(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return experts and alignment of each layer and site."""
    rows = at(study.of("layers", model=model, stimuli=stimuli), study.threshold)
    pairs = rows["n_expert_concept_pairs"], rows["n_pairs_expected_by_chance"]
    rows = rows.assign(per_unit=pairs[0] / rows["n_units"], by_chance=pairs[1] / rows["n_units"])
    columns = [Column("layer", "layer", ".0f"), Column("site", "site"), Column("units", "n_units", ".0f")]
    columns += [Column("concepts per unit", "per_unit", ".2f"), Column("shuffled labels", "by_chance", ".3f")]
    for norm, title in study.norms.items():
        if f"rho_{norm}" in rows:
            columns += [
                Column(f"rho, {title}", f"rho_{norm}", ".2f"),
                Column("interval", f"low_{norm} high_{norm}", ".2f"),
            ]
    caption = f"Experts (AP at least {study.threshold:g}) and alignment by layer and site; {ALL}: sites together."
    return [grid("layers", caption, rows, columns)]


def organisation(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return every measure of organisation of the experts beside its null."""
    rows = study.of("organisation", model=model, stimuli=stimuli, domain="")
    rows = at(rows[rows["representation"].isin([EXPERTS, OVERLAP]) & rows["value"].notna()], study.threshold)
    columns = [Column("measure", "measure"), NORM, Column("null", "null"), Column("value", "value", ".3f")]
    columns += [
        Column("interval", "low high", ".3f"),
        Column("null's mean", "null_mean", ".3f"),
        P,
        Column("n", "n", ".0f"),
    ]
    caption = f"Organisation of experts (AP at least {study.threshold:g}); intervals are for new concepts or words."
    return [grid("organisation", caption, titled(study, rows), columns)]


def units(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return every concept with its best unit, each a link to its page of the audit."""
    rows = study.of("audit", model=model, stimuli=stimuli)
    if rows.empty:
        return []
    own = rows[rows["rank"] == 1].merge(
        at(study.of("experts", model=model, stimuli=stimuli), study.threshold)[["concept", "n_expected_by_chance"]],
        on="concept",
    )
    columns = [Column("concept", "concept"), Column("experts", "n_experts", ".0f")]
    columns += [Column("shuffled labels", "n_expected_by_chance", ".2f"), Column("layer", "layer", ".0f")]
    columns += [Column("site", "site"), Column("unit", "index", ".0f"), Column("AP", "ap", ".3f")]
    columns += [
        Column("AP held out", "held_out_ap", ".3f"),
        Column("interval", "held_out_ap_low held_out_ap_high", ".2f"),
    ]
    columns += [Column("warnings", "warnings")]
    links = {row["concept"]: f"audit/{model}/{stimuli}/{row['page']}" for row in own.to_dict("records")}
    return [grid("audit", "The best unit of every concept; the concept leads to its page.", own, columns, links)]
