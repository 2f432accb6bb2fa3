FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
COPY requirements/base.txt /build/
# Only wheels: there is no compiler in a slim image, and there should be none.
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --require-hashes --only-binary :all: --requirement /build/base.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /service
COPY --from=build /venv /venv
COPY alembic.ini ./
COPY migrations ./migrations
COPY app ./app
# A number, so that a cluster can see that it is not root.
USER 10001:10001
EXPOSE 8000
# Alive, not ready: a database that is away is no reason to start this process again. Round any proxy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=2); \
c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0", "--port", "8000"]
