"""Sides of a contrast as its sheet writes them: `*` or a model's name, and `representation@threshold`."""

EVERY, CONTROL = "*", "control"


def parse_side(text: str) -> tuple[str, float | None]:
    """Split a side into its representation and AP threshold, None where it names none or no number."""
    name, _, limit = text.partition("@")
    try:
        return name, float(limit) if limit else None
    except ValueError:
        return text, None
