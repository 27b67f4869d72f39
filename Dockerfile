# Two stages: the first installs exactly what requirements.lock pins, the second holds no pip and no compiler.
ARG PYTHON=3.12-slim

FROM python:${PYTHON} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/workbench-access
COPY requirements.lock ./
RUN /opt/workbench-access/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY handlers handlers
RUN /opt/workbench-access/bin/pip install --no-deps --no-build-isolation . \
 && /opt/workbench-access/bin/pip uninstall --yes setuptools \
 && /opt/workbench-access/bin/python -m pip uninstall --yes pip

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin workbench \
 && install -d -o workbench -g workbench -m 0700 /data \
 && python -m pip uninstall --yes pip
COPY --from=build /opt/workbench-access /opt/workbench-access
ENV PATH=/opt/workbench-access/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    LOG_FORMAT=json \
    DATABASE_URL=sqlite:////data/workbench-access.db \
    WORKBENCH_ACCESS_CONFIG=/config/workbench-access.toml
USER workbench
WORKDIR /data
# The SQLite file; not needed with PostgreSQL.
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
# Alive, not ready: a bot whose AWS is away must stay up, since help and errors come from it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["workbench-access"]
CMD ["serve"]
