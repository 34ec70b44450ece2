# syntax=docker/dockerfile:1
# One build, an image for each program: docker build --target spaces --build-arg VERSION=1.2.3 --build-arg REVISION=… .
# The runtime image is given by digest; the ones here are what the tags stood for when this was last looked at by
# whoever releases, who passes their own (docs/operating.md, "Images").
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /source
COPY . .
# The registry and what was built stay with the builder; the programs are taken out of the cache. Their dependencies are
# written into them (cargo-auditable), so that a scanner reads the list of contents from the program itself.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo install --locked --root /usr/local/cargo cargo-auditable@0.7.0 \
    && SQLX_OFFLINE=true cargo auditable build --locked --release \
        --bin identity --bin spaces --bin assets --bin notifications --bin crm-sync --bin gateway --bin web \
    && install -d /programs \
    && install -m 0555 -t /programs target/release/identity target/release/spaces target/release/assets \
        target/release/notifications target/release/crm-sync target/release/gateway target/release/web

FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="Shared Spaces" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      io.sharedspaces.sbom="cargo-auditable: in the section .dep-v0 of /app"
USER 65532:65532
WORKDIR /tmp

FROM runtime AS identity
LABEL org.opencontainers.image.title="identity"
COPY --from=build /programs/identity /app
ENTRYPOINT ["/app"]

FROM runtime AS spaces
LABEL org.opencontainers.image.title="spaces"
COPY --from=build /programs/spaces /app
ENTRYPOINT ["/app"]

FROM runtime AS assets
LABEL org.opencontainers.image.title="assets"
COPY --from=build /programs/assets /app
ENTRYPOINT ["/app"]

FROM runtime AS notifications
LABEL org.opencontainers.image.title="notifications"
COPY --from=build /programs/notifications /app
ENTRYPOINT ["/app"]

FROM runtime AS crm-sync
LABEL org.opencontainers.image.title="crm-sync"
COPY --from=build /programs/crm-sync /app
ENTRYPOINT ["/app"]

FROM runtime AS gateway
LABEL org.opencontainers.image.title="gateway"
COPY --from=build /programs/gateway /app
ENTRYPOINT ["/app"]

FROM runtime AS web
LABEL org.opencontainers.image.title="web"
COPY --from=build /programs/web /app
ENTRYPOINT ["/app"]
