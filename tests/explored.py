"""The explorer's page of the small audit: every rated pair of its four concepts, at the thresholds of its experts."""

import base64
import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

import audited
import tiny
from expertneurons import tables
from expertneurons.alignment import align_representations
from expertneurons.ceilings import RELIABILITY
from expertneurons.driving import rank_sentences
from expertneurons.explorer import write_explorer
from expertneurons.representations import measure_similarity

THRESHOLDS = [0.4, 0.5]


class Explored(NamedTuple):
    """Folder of the files, the page, and what the page holds."""

    folder: Path
    page: Path
    data: dict[str, Any]


def unpack(packed: dict[str, str]) -> npt.NDArray[Any]:
    """Read whole numbers as the page's script does."""
    return np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["type"]).newbyteorder("<"))


def held(page: Path) -> dict[str, Any]:
    """Return the data that stand in a page."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def write(done: audited.Audited, folder: Path) -> Explored:
    """Run the steps from the audit's experts to the page."""
    given, at = done.folder, folder / "page.html"
    names = tables.read(given / "concepts.parquet")["concept"].tolist()
    rows = [(a, b, 1.5 * place, 0.0, 10.0) for place, (a, b) in enumerate(combinations(names, 2))]
    columns = ["word1", "word2", "rating", "scale_low", "scale_high"]
    tables.write(pd.DataFrame(rows, columns=columns), folder / "toy.parquet")
    agreement = {"norm": ["toy"], "measure": [RELIABILITY], "value": [np.nan]}
    tables.write(pd.DataFrame(agreement), folder / "agreement.parquet")
    stimuli: dict[str, Any] = {
        "concept_table": given / "concepts.parquet",
        "sentence_table": given / "sentences.parquet",
    }
    made = {name: folder / f"{name}.npy" for name in ("similarity", "driving")}
    index = folder / "representations.parquet"
    measure_similarity(
        **stimuli,
        ap=given / "ap.npy",
        design=given / "design.parquet",
        experts=given / "experts.parquet",
        units=given / "units.parquet",
        embeddings=given / "embeddings.npy",
        similarity=made["similarity"],
        representations=index,
        thresholds=THRESHOLDS,
        top=[10],
        random_draws=2,
        seed=1,
    )
    known: dict[str, Any] = {"norms": [folder / "toy.parquet"], "agreement": [folder / "agreement.parquet"]}
    for model in ("tiny", "tiny-untrained"):
        align_representations(
            made["similarity"],
            index,
            given / "concepts.parquet",
            **known,
            output=folder / f"{model}.parquet",
            model=model,
            stimuli="set",
            permutations=99,
        )
    rank_sentences(given / "max.npy", made["driving"], "tiny")
    write_explorer(
        **stimuli,
        units=given / "units.parquet",
        experts=given / "experts.parquet",
        counts=given / "counts.parquet",
        driving=made["driving"],
        alignment=[folder / "tiny.parquet", folder / "tiny-untrained.parquet"],
        norms=known["norms"],
        norm_labels=["toy=Toy & norm"],
        model_labels=["tiny=Tiny & co", "tiny-untrained=Tiny, untrained"],
        template=tiny.ROOT / "workflow/report/explorer.html.j2",
        script=tiny.ROOT / "workflow/report/explorer.js",
        output=at,
        model="tiny",
        stimuli="set",
        thresholds=THRESHOLDS,
        threshold=0.5,
    )
    return Explored(folder, at, held(at))
