# The playground and its HTTP API:
#
#   docker build --tag softreg .
#   docker run --rm --read-only --tmpfs /tmp --publish 127.0.0.1:8000:8000 softreg
#
# It prints the address to open, with its token; set your own with --env SOFTREG_TOKEN=... . To answer to another name than localhost,
# put after the image's name: serve --host 0.0.0.0 --allow-host NAME.

FROM python:3.13-slim AS build
# Where pip finds torch: PyTorch's own index for CPUs spares several GB of CUDA libraries (--build-arg TORCH_INDEX=ADDRESS).
ARG TORCH_INDEX=""
COPY . /source
RUN python -m venv /opt/softreg \
    && /opt/softreg/bin/pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '/source[serve]'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /tmp softreg
COPY --from=build /opt/softreg /opt/softreg
ENV PATH=/opt/softreg/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib
USER 10001
# Runs trained on the page go to runs/ here; mount a volume to keep them.
WORKDIR /tmp
EXPOSE 8000
# Any answer will do: without the token it is 401.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('localhost', 8000, timeout=4); c.request('GET', '/healthz'); c.getresponse()"]
ENTRYPOINT ["softreg"]
CMD ["serve", "--host", "0.0.0.0", "--allow-host", "localhost"]
