"""Further tables: rows on training, size, stability, rivals and causes, which a study has where it was asked to."""

import numpy as np
import pandas as pd

from expertneurons.alignment_statements import HEADLINE
from expertneurons.grids import Column, Grid, grid
from expertneurons.report_tables import INTERVAL, NORM, PAIRS, RHO, P, at, titled
from expertneurons.stability_names import METHODS, NO_LAYER
from expertneurons.steering_names import ITSELF, ON
from expertneurons.studied import Studied


def yes(column: pd.Series) -> "pd.Series[bool]":
    """Read a column of truths; what was not asked, as in a family of a single size, is no yes."""
    return column.astype("boolean").fillna(value=False).astype(bool)


def growth(study: Studied, family: str, stimuli: str) -> list[Grid]:
    """Return where alignment of each run starts and ends, and when half of it is there."""
    grown = at(study.of("emergence", family=family, stimuli=stimuli, representation=HEADLINE), study.threshold)
    halves = at(study.of("half_rise", family=family, stimuli=stimuli, representation=HEADLINE), study.threshold)
    ends = (
        grown.sort_values("step")
        .groupby(["norm", "run"], as_index=False)
        .agg(
            first=("rho", "first"),
            last=("rho", "last"),
            low=("low", "last"),
            high=("high", "last"),
            n_pairs=("n_pairs", "last"),
        )
    )
    names = ["norm", "run", "size", "seed", "emerged", "half_monotone", "half_monotone_low", "half_monotone_high"]
    rows = ends.merge(halves[names], on=["norm", "run"], how="left").sort_values(["norm", "run"])
    rows["emerged"] = np.where(yes(rows["emerged"]), "yes", "no")
    columns = [NORM, Column("run", "run"), Column("rho at the first step", "first", ".2f")]
    columns += [Column("at the last", "last", ".2f"), INTERVAL, PAIRS, Column("rise above zero", "emerged")]
    columns += [Column("half at step", "half_monotone", ".0f")]
    columns += [Column("interval of the step", "half_monotone_low half_monotone_high", ".0f")]
    return [
        grid(
            "emergence", "Alignment of each training run, and the step of half its rise.", titled(study, rows), columns
        )
    ]


def sizes(study: Studied, family: str, stimuli: str) -> list[Grid]:
    """Return the comparisons of neighbouring sizes, and of the outermost."""
    rows = study.of("sizes", family=family, stimuli=stimuli)
    rows = rows[rows["threshold"].isna() | np.isclose(rows["threshold"].astype(float), study.threshold)]
    rows = rows.assign(same=np.where(yes(rows["equivalent"]), "yes", "no"))
    columns = [
        NORM,
        Column("representation", "representation"),
        Column("larger", "larger"),
        Column("smaller", "smaller"),
    ]
    columns += [
        Column("difference", "difference", ".2f"),
        INTERVAL,
        P,
        Column("p of equivalence", "p_equivalence", "p"),
    ]
    columns += [Column("equivalent", "same"), Column("BF01", "bayes_factor_01", ".2f"), PAIRS]
    return [
        grid(
            "sizes",
            "Neighbouring and outermost sizes at the last step; exploratory, p not adjusted.",
            titled(study, rows),
            columns,
        )
    ]


def stability(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return the controls beside the study's own experts."""
    rows = study.of("controls", model=model, stimuli=stimuli).sort_values(["norm", "rho"], ascending=[True, False])
    if rows.empty:
        return []
    columns = [
        Column("control", "control"),
        NORM,
        RHO,
        INTERVAL,
        PAIRS,
        Column("share of the study's own", "share", ".2f"),
    ]
    return [grid("controls", "What controls reach of the alignment.", titled(study, rows), columns)]


def rivals(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return experts beside probes and features with as many units."""
    rows = study.of("rivals", model=model, stimuli=stimuli).sort_values(["norm", "k", "method"])
    if rows.empty:
        return []
    rows = rows.assign(method=rows["method"].map(METHODS))
    columns = [Column("method", "method"), Column("units", "k", ".0f"), Column("held-out AP", "ap", ".3f")]
    columns += [Column("interval of AP", "ap_low ap_high", ".3f"), NORM, RHO, INTERVAL, PAIRS]
    return [
        grid(
            "rivals",
            "Experts, probes, features and random units, as many for a concept.",
            titled(study, rows),
            columns,
        )
    ]


def causes(study: Studied, model: str, stimuli: str) -> list[Grid]:
    """Return means of what was forced, and their differences to controls."""
    rows = study.of("steering_effects", model=model, stimuli=stimuli)
    rows = rows.assign(against=rows["against"].replace(ITSELF, "(mean)"), how=rows["kind"].replace(ON, "forced"))
    columns = [Column("measure", "measure"), Column("held", "how"), Column("condition", "condition")]
    columns += [Column("against", "against"), Column("units", "k", ".0f"), Column("value", "value", ".3f")]
    columns += [Column("interval", "low high", ".3f"), Column("median", "median", ".3f")]
    columns += [Column("share above zero", "share_positive", ".2f"), Column("concepts", "n_concepts", ".0f")]
    caption = "Means over concepts and differences in the same concepts; perplexity as logarithm."
    return [grid("steering_effects", caption, rows, columns)]


def agreement(study: Studied, _: str, stimuli: str) -> list[Grid]:
    """Return how far every two models agree."""
    rows = study.of("models", stimuli=stimuli, layer_a=NO_LAYER).sort_values("rho", ascending=False)
    columns = [Column("model", "a"), Column("and", "b"), RHO, INTERVAL, Column("corrected", "corrected", ".2f")]
    columns += [Column("reliabilities", "reliability_a reliability_b", ".2f"), PAIRS]
    return [grid("models", "Correlation of the concept similarities of two models.", rows, columns)]


def doses(study: Studied, family: str, _: str) -> list[Grid]:
    """Return means by dose at the last step, and differences to the highest."""
    rows = at(study.of("dose_effects", family=family), study.threshold)
    rows = rows[rows["step"] == rows["step"].max()]
    columns = [Column("measure", "measure"), Column("what", "kind"), Column("dose", "dose", "g")]
    columns += [Column("value", "value", ".2f"), INTERVAL, Column("concepts", "n_concepts", ".0f")]
    return [grid("dose_effects", "Response to dose at the last step.", rows, columns)]
