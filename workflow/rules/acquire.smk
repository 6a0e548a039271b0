"""Acquire: the norms and the models, each file verified against its sheet. Only the fetch rules reach a network.

They carry no digest of their code: what they fetch is what the sheet's sha256 says, however it is fetched. Nor is the
lock sheet an input: the first fetch from a hub writes to it, which must not make the other models due again.
"""

LOCK = STUDY.config["sheets"]["models_lock"]
SNAPSHOT = directory("resources/checkpoints/{snapshot}")
LOCKED = sheets.read(Path(LOCK), "models.lock") if Path(LOCK).is_file() else []


rule fetch_norm:
    output:
        "resources/norms/{file}",
    log:
        "<logs>/fetch_norm/{file}.log",
    localrule: True
    conda:
        "../../envs/acquire.yaml"
    params:
        url=lookup("{file}/url", within=STUDY.norm_files),
        size=lookup("{file}/bytes", within=STUDY.norm_files),
        digest=lookup("{file}/sha256", within=STUDY.norm_files),
        mirror=MIRROR,
    shell:
        "python -m expertneurons --log {log} fetch-norm --url {params.url:q} --size {params.size}"
        " --digest {params.digest} --output {output} {params.mirror}"


rule fetch_checkpoint:
    output:
        folder=directory("resources/checkpoints/{checkpoint}"),
    log:
        "<logs>/fetch_checkpoint/{checkpoint}.log",
    localrule: True
    conda:
        "../../envs/acquire.yaml"
    params:
        source=lambda wildcards: checkpoint_row(wildcards.checkpoint)["source"],
        digest=lambda wildcards: checkpoint_row(wildcards.checkpoint)["sha256"],
        lock=LOCK,
        files=lambda wildcards: sorted(row["sha256"] for row in LOCKED if row["checkpoint"] == wildcards.checkpoint),
        mirror=MIRROR,
    shell:
        "python -m expertneurons --log {log} fetch-checkpoint --checkpoint {wildcards.checkpoint}"
        " --source {params.source:q} --digest {params.digest} --lock {params.lock:q} --output {output.folder} {params.mirror}"


# A file of its own between the results of one snapshot and the fetch of a later one: what changes before it (the
# order of the models, the limit, experts found again) asks for this file again, and not for the snapshot.
rule await_room:
    input:
        lambda wildcards: results_before(wildcards.snapshot),
    output:
        room=touch("resources/room/{snapshot}"),
    localrule: True


rule fetch_snapshot:
    input:
        room=ancient(rules.await_room.output.room),
    output:
        folder=temp(SNAPSHOT) if MAX_DISK else SNAPSHOT,
    log:
        "<logs>/fetch_snapshot/{snapshot}.log",
    localrule: True
    conda:
        "../../envs/acquire.yaml"
    params:
        source=lambda wildcards: checkpoint_row(wildcards.snapshot)["source"],
        revision=lambda wildcards: checkpoint_row(wildcards.snapshot)["revision"],
        lock=LOCK,
        # Snakemake passes over a change of what is derived from the output: a mirror has the same files.
        endpoint=lambda wildcards, output: HUB,
    shell:
        "HF_HUB_OFFLINE=$HUB_OFFLINE python -m expertneurons --log {log} fetch-snapshot --checkpoint {wildcards.snapshot}"
        " --source {params.source:q} --revision {params.revision:q} --lock {params.lock:q} --output {output.folder}"
        " {params.endpoint}"


rule tidy_norm:
    input:
        raw=lambda wildcards: f"resources/norms/{STUDY.norms[wildcards.norm]['file']}",
    output:
        table="<results>/norms/{norm}.parquet",
    log:
        "<logs>/tidy_norm/{norm}.log",
    conda:
        "../../envs/acquire.yaml"
    params:
        reader=lookup("{norm}/reader", within=STUDY.norms),
        scale=lambda wildcards: [STUDY.norms[wildcards.norm][f"scale_{end}"] for end in ("low", "high")],
        separator=lambda wildcards: option("separator", STUDY.norms[wildcards.norm].get("separator")),
        rows=lambda wildcards: option("rows", STUDY.norms[wildcards.norm].get("rows")),
        strip=lambda wildcards: option("strip", STUDY.norms[wildcards.norm].get("strip")),
        repeated=lambda wildcards: option("repeated", STUDY.norms[wildcards.norm].get("repeated")),
        code=code_digest("norms"),
    shell:
        "python -m expertneurons --log {log} tidy-norm --raw {input.raw} --output {output.table} --norm {wildcards.norm}"
        " --reader {params.reader} --scale {params.scale} {params.separator} {params.rows} {params.strip} {params.repeated}"
