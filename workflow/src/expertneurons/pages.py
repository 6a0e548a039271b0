"""Pages: HTML from templates, with figures inside, so that a page is one file that needs no network."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from expertneurons.files import replacing


def compiled(template: Path) -> jinja2.Template:
    """Read a template that fills many pages; a name that it lacks is an error."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(template.read_text(encoding="utf-8"))


def render(template: Path, output: Path, **values: Any) -> None:
    """Fill a template; a name that it lacks is an error."""
    page = compiled(template)
    with replacing(output) as partial:
        partial.write_text(page.render(**values), encoding="utf-8")


def embedded(folder: Path, captions: Path, headings: Mapping[str, str]) -> list[dict[str, str]]:
    """Figures of a folder with their headings and captions (one text file each), the picture as base64."""
    return [
        {
            "name": name,
            "heading": heading,
            "caption": (captions / f"{name}.rst").read_text(encoding="utf-8").strip(),
            "data": base64.b64encode((folder / f"{name}.svg").read_bytes()).decode("ascii"),
        }
        for name, heading in headings.items()
    ]
