"""Graph page: the concept graph as one page that needs no network, with what two concepts share when pointed at."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from expertneurons import pages, tables
from expertneurons.concept_figures import tint
from expertneurons.graph import concept_graph, place
from expertneurons.palette import domain_of, looks


def write_graph_page(
    edges: Path,
    counts: Path,
    concept_table: Path,
    template: Path,
    output: Path,
    title: str,
    threshold: float,
    seed: int = 0,
) -> None:
    """Write the concept graph of one model as an HTML page.

    Args:
        edges: Edges of the concept graph, as `measure_organisation` writes them.
        counts: The `experts` table of the model.
        concept_table: The concepts.
        template: Jinja template of the page.
        output: HTML file to write.
        title: Heads the page.
        threshold: AP threshold of the graph.
        seed: Of the layout.

    """
    known, listed = tables.read(edges), tables.read(counts)
    own = listed[(listed["threshold"] - threshold).abs() < 1e-9].set_index("concept")["n_experts"]
    data = json.dumps(graph_data(known, tables.read(concept_table), own, seed), separators=(",", ":"))
    caption = (
        f"Experts: AP >= {threshold:g}. {len(known)} edges: pairs that share more experts than 99% of random sets of "
        "the same sizes over equally popular units. Point at a concept or an edge; click a concept; drag and scroll."
    )
    pages.render(template, output, title=title, caption=caption, data=data.replace("<", "\\u003c"))


def graph_data(edges: pd.DataFrame, concepts: pd.DataFrame, experts: pd.Series, seed: int) -> dict[str, Any]:
    """Return what the page draws: layers, nodes in their places, edges with shared experts by layer.

    Args:
        edges: As `graph.edge_table` gives them.
        concepts: Table of the concepts.
        experts: Number of experts by concept.
        seed: Of the layout.

    """
    domains = domain_of(concepts)
    look = looks(domains.values())
    words = set(concepts["superordinate"].fillna("")) if "superordinate" in concepts else set()
    spots = place(concept_graph(edges, domains), seed)
    names = list(spots)
    number = {name: at for at, name in enumerate(names)}
    layers = [name for name in edges.columns.astype(str) if name.startswith("layer_")]
    return {
        "layers": [name.replace("_", " ") for name in layers],
        "nodes": [
            {
                "name": name,
                "domain": domains[name].replace("_", " "),
                "word": name in words,
                "experts": int(experts[name]),
                "x": round(spots[name][0], 4),
                "y": round(spots[name][1], 4),
                "colour": look[domains[name]].colour,
                "tint": "#" + "".join(f"{round(255 * part):02x}" for part in tint(look[domains[name]])),
            }
            for name in names
        ],
        "edges": [
            {
                "a": number[row["concept_a"]],
                "b": number[row["concept_b"]],
                "overlap": round(row["overlap"], 4),
                "shared": row["shared"],
                "expected": round(row["shared_expected"], 2),
                "layers": [int(row[name]) for name in layers],
            }
            for row in edges.to_dict("records")
        ],
    }
