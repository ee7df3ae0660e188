# The service in one image, with its models converted at build time, so that it starts without a network.
# Not built by continuous integration, which has no Docker engine: keep it as plain as it is.
FROM python:3.11-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    GROUNDING_HOME=/data \
    GROUNDING_MODELS__FOLDER=/models

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY grounding grounding
COPY store store
COPY ingest ingest
COPY api api
COPY alembic alembic
COPY examples examples
RUN pip install --constraint constraints.txt torch \
 && pip install --constraint constraints.txt ".[postgres]"

RUN useradd --create-home grounding && mkdir /data /models && chown grounding /data /models
USER grounding
# Converts the default embedder into /models by ingesting the sample corpus once, into a home that is thrown away.
RUN GROUNDING_HOME=/tmp/home grounding ingest examples/handbook && rm -rf /tmp/home

VOLUME /data
EXPOSE 8000
CMD ["grounding", "serve", "--host", "0.0.0.0", "--port", "8000"]
