"""Expert neurons: single units of a language model that carry a concept, held against how people organise concepts.

Every module answers one question of the study; nothing here knows of Snakemake. `python -m expertneurons` runs the
steps of the study as commands.
"""

__version__ = "0.1.0"
