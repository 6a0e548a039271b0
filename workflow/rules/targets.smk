"""Targets: which results a run asks for, of all models and sets of stimuli, and in which order where disk is short."""

from expertneurons.questions import SETTINGS


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


def figure_names():
    """Names of all figures of reported models, each with the folder that it lies in."""
    names = [*FIGURES, *(f"answers/{name}" for name in ANSWER_FIGURES)]
    names += [f"organisation/{name}" for name in ORGANISATION_FIGURES]
    names += [f"stability/{name}" for name in STABILITY_FIGURES] if STABILITY["run"] else []
    return names + (["rivals/rivals"] if STUDY.config["rivals"]["run"] else [])


def figure_files(root, ending):
    """All figures of the study below a folder."""
    own = [f"{root}/{{model}}/{{stimuli}}/{name}.{ending}" for name in figure_names()]
    grown = [f"{root}/emergence/{{family}}/{{stimuli}}/{name}.{ending}" for name in EMERGENCE_FIGURES]
    forced = [f"{root}/{{model}}/{{stimuli}}/steering/{name}.{ending}" for name in STEERING_FIGURES]
    dosed = [f"{root}/emergence/nursery/lexicon/{name}.{ending}" for name in DOSE_FIGURES]
    agreed = f"{root}/stability/{{stimuli}}/models.{ending}"
    return [
        *(path for pattern in own for path in for_models(pattern, STUDY.reported)),
        *(path for pattern in grown for path in for_suites(pattern)),
        *(path for pattern in forced for path in for_steered(pattern)),
        *(dosed if NURSERY["run"] else []),
        *(collect(agreed, stimuli=COMPARED_STIMULI) if STABILITY["run"] else []),
    ]


def settings():
    """Config keys that the report shows, with their values."""
    found = []
    for key in SETTINGS:
        section, _, name = key.partition(".")
        found.append(f"{key}={json.dumps(STUDY.config[section][name])}")
    return found


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
