"""Emergence in tables: the promised columns, medians and intervals as a slow loop gives them, identity by hand."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from expertneurons import seeds, tables
from expertneurons.emergence import curve, half_rise, points
from expertneurons.emergence_tables import RESAMPLES, list_runs, measure_emergence, over_concepts
from expertneurons.keys import KEYS
from suite import CONCEPTS, NORMS, PAIRED, RUNS, STEPS, THRESHOLDS, Suite, concepts_of, kept_of, write_suite


class Found(NamedTuple):
    emergence: pd.DataFrame
    half_rise: pd.DataFrame
    sizes: pd.DataFrame
    organised: pd.DataFrame


def measure(suite: Suite, out: Path, **options: Any) -> Found:
    emergence, halves, sizes, organised = (out / f"{name}.parquet" for name in Found._fields)
    measure_emergence(*suite, emergence, halves, sizes, organised, stimuli="everyday", draws=30, seed=1, **options)
    return Found(*(tables.read(path) for path in (emergence, halves, sizes, organised)))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return write_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module")
def found(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return measure(suite, tmp_path_factory.mktemp("found"))


def test_tables_have_their_keys_once_and_the_promised_columns(found: Found) -> None:
    promised = {
        "emergence": {"rho", "low", "high", "n_experts", "identity", "domain_ratio", "domain_auc", "n_pairs"},
        "half_rise": {"half_monotone", "half_logistic", "rise", "final", "emerged"},
        "sizes": {"difference", "low", "high", "p", "p_equivalence", "equivalent", "seeds", "n_pairs", "note"},
        "organisation_by_step": {"value", "null_mean", "p"},
    }
    for (name, columns), table in zip(promised.items(), found, strict=True):
        keys = KEYS[name]
        assert not table.duplicated(keys).any()
        assert columns | set(keys) <= set(table)
    assert len(found.emergence) == len(RUNS) * len(STEPS) * len(NORMS) * (len(PAIRED) + 1)
    assert len(found.half_rise) == len(RUNS) * len(NORMS) * (len(PAIRED) + 1)
    assert len(found.sizes) == len(NORMS) * (len(PAIRED) + 1)
    assert set(found.emergence["stimuli"]) == {"everyday"}


def test_points_and_halves_are_those_of_the_curves(found: Found, suite: Suite) -> None:
    rows = tables.read(suite.pairs[2]).query("norm == 'simlex'")
    one = curve(rows, ["experts.jaccard@0.5"])
    chosen = "run == 'b-1' and norm == 'simlex' and representation == 'experts.jaccard' and threshold == 0.5"
    own = found.emergence.query(chosen).sort_values("step")
    for column in ("rho", "se", "low", "high", "n_pairs"):
        np.testing.assert_allclose(own[column], points(one, 0.95)[column])
    (half,) = found.half_rise.query(chosen).to_dict("records")
    expected = half_rise(one, 30, 0.95, 1)
    assert {key: half[key] for key in expected} == pytest.approx(expected, nan_ok=True)


def test_what_concepts_and_domains_say_stands_at_its_own_threshold(found: Found, suite: Suite) -> None:
    counts = tables.read(suite.concepts[0])
    for limit in THRESHOLDS:
        own = found.emergence.query(f"run == 'a-1' and representation == 'experts.jaccard' and threshold == {limit}")
        medians = counts[counts["threshold"] == limit].groupby("step")["n_experts"].median()
        for norm in NORMS:
            here = own[own["norm"] == norm].set_index("step")
            assert here["n_experts"].to_dict() == medians.to_dict()
            assert here["domain_ratio"].tolist() == [2.0] * len(STEPS)
    embedding = found.emergence.query("representation == 'embedding.last.concept'")
    assert embedding["n_experts"].isna().all()
    assert embedding["domain_auc"].notna().all()
    assert found.emergence.query("representation == 'experts.subsampled'")["domain_auc"].isna().all()


def test_order_of_files_does_not_matter(suite: Suite, found: Found, tmp_path: Path) -> None:
    turned = Suite(suite.runs, *(paths[::-1] for paths in suite[1:]))
    for one, other in zip(measure(turned, tmp_path), found, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_one_size_has_the_same_columns_of_sizes_and_no_rows(found: Found, tmp_path: Path) -> None:
    alone = write_suite(tmp_path / "alone", {"a-1": ("a", 1000, 1)})
    one = measure(alone, tmp_path)
    assert one.sizes.empty
    assert list(one.sizes) == list(found.sizes)
    assert one.sizes.dtypes.to_dict() == found.sizes.dtypes.to_dict()
    joined = pd.concat([found.sizes, one.sizes], ignore_index=True)
    assert joined.dtypes.to_dict() == found.sizes.dtypes.to_dict()


def test_sizes_that_are_not_defined_have_a_note_and_the_same_columns(found: Found, tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "suite")
    for path in suite.pairs[2:]:
        rows = tables.read(path)
        columns = [str(name) for name in rows if str(name).startswith("experts")]
        rows.loc[rows["step"] == STEPS[-1], columns] = np.nan
        tables.write(rows, path)
    sizes = measure(suite, tmp_path).sizes
    assert list(sizes) == list(found.sizes)
    lost = sizes[sizes["representation"].str.startswith("experts")]
    assert set(lost["note"]) == {"not defined at the last step of some run"}
    assert lost["difference"].isna().all()
    assert sizes.query("representation == 'embedding.last.concept'")["difference"].notna().all()


def test_runs_with_interventions_do_not_make_curves(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "suite", {"a-1": ("a", 1000, 1), "dosed-1": ("a", 1000, 1)})
    listed = tables.read(suite.runs)
    tables.write(listed.assign(kind=np.where(listed["run"] == "dosed-1", "dosed", "full")), suite.runs)
    out = measure(suite, tmp_path)
    assert set(out.emergence["run"]) == set(out.half_rise["run"]) == set(out.organised["run"]) == {"a-1"}


def counted(holes: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(3)
    counts, kept = concepts_of("a-1", rng), kept_of("a-1", rng)
    if holes:
        kept.loc[rng.random(len(kept)) < 0.3, "jaccard"] = np.nan
        kept.loc[(kept["step"] == 1) & (kept["threshold"] == 0.5), "jaccard"] = np.nan
    return counts, kept


@pytest.mark.parametrize("holes", [False, True])
def test_medians_and_intervals_are_those_of_a_slow_loop(holes: bool) -> None:
    counts, kept = counted(holes)
    found = over_concepts(counts, kept, 0.9, 7)
    drawn = seeds.generator(7, "over_concepts", "a-1").integers(len(CONCEPTS), size=(RESAMPLES, len(CONCEPTS)))
    ordered = sorted(CONCEPTS)
    for step in STEPS:
        for limit in THRESHOLDS:
            values: dict[str, list[float]] = {n: [] for n in ("n_experts", "best_ap", "best_auroc", "identity")}
            for concept in ordered:
                chosen = f"step == {step} and threshold == {limit} and concept == {concept!r}"
                (row,) = counts.query(chosen).to_dict("records")
                for name in ("n_experts", "best_ap", "best_auroc"):
                    values[name].append(row[name])
                moved = kept.query(chosen)
                values["identity"].append(((moved["jaccard"] - 0.1) / 0.9).iloc[0] if len(moved) else np.nan)
            for name, own in values.items():
                known = [value for value in own if not np.isnan(value)]
                medians = []
                for places in drawn:
                    there = [own[place] for place in places if not np.isnan(own[place])]
                    if there:
                        medians.append(np.median(there))
                here = found[(found["step"] == step) & (found["threshold"] == limit)]
                if not known:
                    assert here[[name, f"{name}_low", f"{name}_high"]].isna().all(axis=None)
                    continue
                assert here[name].item() == pytest.approx(np.median(known))
                ends = [here[f"{name}_low"].item(), here[f"{name}_high"].item()]
                assert ends == pytest.approx(np.quantile(medians, [0.05, 0.95]).tolist())


def test_identity_is_corrected_for_chance_by_hand() -> None:
    counts = pd.DataFrame({"run": "a", "step": 0, "threshold": 0.5, "concept": ["x", "y"]})
    counts = counts.assign(n_experts=1, best_ap=0.5, best_auroc=0.5, n_expected_by_chance=0.0)
    kept = counts[["run", "step", "threshold", "concept"]].assign(next=1, expected_by_chance=0.2)
    for observed, expected in ((0.2, 0.0), (1.0, 1.0), (0.6, 0.5), (0.0, -0.25)):
        found = over_concepts(counts, kept.assign(jaccard=observed), 0.95, 1).iloc[0]
        assert found["identity"] == pytest.approx(expected)
        assert found["identity_raw"] == pytest.approx(observed)
        assert found["identity_by_chance"] == pytest.approx(0.2)


def test_identity_of_the_last_step_is_unknown() -> None:
    found = over_concepts(*counted(), 0.95, 1)
    last = found["step"] == STEPS[-1]
    assert found["identity"].isna().tolist() == last.tolist()
    assert found["n_experts"].notna().all()


def test_listed_runs_become_a_table(tmp_path: Path) -> None:
    list_runs('[{"run": "b"}, {"run": "a"}]', tmp_path / "runs.parquet")
    assert tables.read(tmp_path / "runs.parquet")["run"].tolist() == ["a", "b"]
