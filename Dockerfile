# The environment of the study, from the locks. The study itself is mounted: docs/cluster.md.
FROM python:3.11-slim-bookworm

# The user of a run may have neither name nor home. Snakemake asks for the name; what it, Matplotlib and Numba keep goes
# where all may write.
ENV USER=study HOME=/tmp XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/cache/matplotlib NUMBA_CACHE_DIR=/tmp/cache/numba

COPY requirements.lock requirements-torch.txt /opt/expertneurons/
RUN python -m pip install --no-cache-dir --no-deps --require-hashes -r /opt/expertneurons/requirements.lock \
    && python -m pip install --no-cache-dir -r /opt/expertneurons/requirements-torch.txt \
    && python -m pip check

WORKDIR /study
USER 65534:65534
CMD ["snakemake"]
