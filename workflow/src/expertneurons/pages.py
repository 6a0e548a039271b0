"""Pages: HTML from templates, with figures inside, so that a page is one file that needs no network."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from expertneurons.files import replacing


def compiled(template: Path) -> jinja2.Template:
    """Read a template that fills many pages, with what it includes beside it; a name that it lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template.name)


def render(template: Path, output: Path, **values: Any) -> None:
    """Fill a template; a name that it lacks is an error."""
    page = compiled(template)
    with replacing(output) as partial:
        partial.write_text(page.render(**values), encoding="utf-8")


def embedded(folder: Path, captions: Path, headings: Mapping[str, str], root: Path) -> list[dict[str, str]]:
    """Figures of a folder with their headings and captions (one text file each), the picture as base64.

    Args:
        folder: Folder of the SVG files.
        captions: Folder of the captions.
        headings: Names of the figures with their headings.
        root: Folder of the page, from which it links to the files.

    """
    return [
        {
            "name": name,
            "heading": heading,
            "caption": (captions / f"{name}.rst").read_text(encoding="utf-8").strip(),
            "data": base64.b64encode((folder / f"{name}.svg").read_bytes()).decode("ascii"),
            "href": Path(os.path.relpath(folder / f"{name}.svg", root)).as_posix(),
        }
        for name, heading in headings.items()
    ]
