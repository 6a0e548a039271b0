"""Targets: which results a run asks for, of all models and sets of stimuli, and in which order where disk is short."""


def for_models(pattern, models):
    """A path for each of the models and all sets of stimuli."""
    return collect(pattern, model=models, stimuli=STUDY.config["stimuli"]["sets"])


def for_all(pattern):
    """A path for every model, set of stimuli and norm that the pattern names."""
    entities = {
        "model": STUDY.config["models"],
        "stimuli": STUDY.config["stimuli"]["sets"],
        "norm": STUDY.config["norms"],
    }
    return collect(pattern, **{name: values for name, values in entities.items() if f"{{{name}}}" in pattern})


def own_and_controls(pattern, wildcards):
    """A path for a model and for each of its untrained controls."""
    return collect(pattern, model=[wildcards.model, *STUDY.controls(wildcards.model)], stimuli=wildcards.stimuli)


def results_before(snapshot):
    """Results that must be there before one more snapshot fits on the disk: those of the one `max_disk` earlier."""
    place = STUDY.snapshots.index(snapshot) - (MAX_DISK or 0) if snapshot in STUDY.snapshots else -1
    if MAX_DISK is None or place < 0:
        return []
    users = STUDY.users(STUDY.snapshots[place])
    audited = [model for model in users if model in STUDY.reported]
    return [
        *for_models("<results>/experts/{model}/{stimuli}/counts.parquet", users),
        *for_models("<results>/tokens/{model}/{stimuli}/tokens.parquet", audited),
        *for_models("<results>/driving/{model}/{stimuli}.npy", audited),
        *for_models("<results>/steering/{model}/{stimuli}/steering.parquet", [m for m in users if m in STUDY.steered]),
    ]


def all_results(paths):
    """Input function of `all`: what it makes, which needs people's ratings."""

    def found(wildcards):
        if not STUDY.config["norms"]:
            raise WorkflowError(
                "`norms` is empty, and the report holds concepts against people's ratings of them: name rows of "
                f"{STUDY.config['sheets']['norms']} in `norms`, or ask for what needs none: snakemake audit"
            )
        return paths

    return found
