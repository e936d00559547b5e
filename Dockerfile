# The gateway, as a user that owns nothing but /cache, on a root file system that may be read-only.
#
#   docker build --tag dicomweb-gateway .
#   docker run --read-only --publish 8080:8080 --env GATEWAY_DATASTORE_ID=… dicomweb-gateway
#
# OHIF is in it, at /viewer/, with --build-arg VIEWER=ohif.
# For builds that can be repeated, give the base by its digest: --build-arg PYTHON=python@sha256:…
ARG PYTHON=python:3.11-slim-bookworm
ARG VIEWER=none
ARG NODE=node:22-slim

FROM ${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY gateway gateway
RUN python -m pip wheel --no-cache-dir --only-binary=:all: --constraint constraints.txt --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/gateway \
    && python -m pip --python /opt/gateway/bin/python install --no-cache-dir --no-index --find-links /wheels dicomweb-gateway

FROM build AS viewer-none
RUN mkdir /viewer

FROM ${NODE} AS npm
WORKDIR /package
RUN npm pack @ohif/app@3.13.2

# What is fetched is compared with what the gateway was tested with, by its digest.
FROM build AS viewer-ohif
COPY --from=npm /package/ohif-app-3.13.2.tgz /tmp/ohif.tgz
RUN /opt/gateway/bin/dicomweb-gateway viewer --into /viewer --archive /tmp/ohif.tgz

# hadolint ignore=DL3006
FROM viewer-${VIEWER} AS viewer

FROM ${PYTHON}
LABEL org.opencontainers.image.title="dicomweb-gateway" \
      org.opencontainers.image.description="A DICOMweb gateway for AWS HealthImaging" \
      org.opencontainers.image.version="0.1.0"
RUN install --directory --owner=10001 --group=10001 --mode=0700 /cache
COPY --from=build /opt/gateway /opt/gateway
COPY --from=viewer /viewer /opt/viewer
# Nothing else has to be writable; as the home it also has the catalog, where no folder is set.
ENV PATH=/opt/gateway/bin:$PATH \
    HOME=/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEWAY_VIEWER_DIR=/opt/viewer \
    GATEWAY_HOST=0.0.0.0
USER 10001:10001
WORKDIR /cache
VOLUME ["/cache"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('GATEWAY_PORT') or 8080), timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["dicomweb-gateway"]
CMD ["serve"]
