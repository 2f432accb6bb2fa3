# The digest of the base image, sha256:…; without one nothing is built, because a tag may lead elsewhere tomorrow.
# docs/operate.md says how to find and check it.
ARG PYTHON_DIGEST
FROM python:3.13-slim@${PYTHON_DIGEST} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
COPY requirements/base.txt /build/
# Only wheels: there is no compiler in a slim image, and there should be none.
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --require-hashes --only-binary :all: --requirement /build/base.txt

FROM python:3.13-slim@${PYTHON_DIGEST}
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /service
COPY --from=build /venv /venv
COPY alembic.ini ./
COPY migrations ./migrations
COPY app ./app
# A number, so that a cluster can see that it is not root.
USER 10001:10001
EXPOSE 8000
# Where the worker answers for its health; the API does on its own port.
ENV WORKER_METRICS_PORT=8001
# Alive, not ready: a database that is away is no reason to start this process again. A container is an API or a worker,
# so one of the two ports answers. Round any proxy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-m", "app.http.healthcheck", "8000", "8001"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0", "--port", "8000"]
