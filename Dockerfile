# The gateway without a build's tools, as a user without rights, on a root that may be read-only. docs/deployment.md
#
#   docker build --tag hyperinfer .
#   docker run --rm --init --read-only --tmpfs /tmp --volume hyperinfer:/data --publish 8080:8080 hyperinfer

# 3.11 is what all tests run on; the locks hold for 3.11 to 3.14.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE providers.yaml requirements.lock requirements-build.lock ./
COPY deploy/image/install.sh deploy/image/
COPY hyperinfer hyperinfer
COPY formats formats
COPY engine engine
COPY providers providers
COPY nodes nodes
COPY testing testing
COPY api api
RUN deploy/image/install.sh /opt/hyperinfer && install --directory --mode=0700 /data

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="HyperInfer" \
      org.opencontainers.image.description="An AI gateway: three client formats, any model, metered exactly" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image has its standard library without compiled files, which nobody could write later.
RUN ["python", "-c", "import compileall, py_compile, re, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, rx=re.compile('site-packages|/test/|/tests/|idlelib|lib2to3'), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"]
COPY --from=build /opt/hyperinfer /opt/hyperinfer
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/opt/hyperinfer/bin:/usr/local/bin:/usr/bin:/bin \
    HYPERINFER_HOST=0.0.0.0 \
    HYPERINFER_PORT=8080 \
    HYPERINFER_DATA=/data
# A providers.yaml that is mounted there is found; without one the catalogue of the package serves.
WORKDIR /etc/hyperinfer
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/opt/hyperinfer/bin/python", "-m", "hyperinfer.api.probe"]
ENTRYPOINT ["/opt/hyperinfer/bin/hyperinfer"]
CMD ["serve"]
