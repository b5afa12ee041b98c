# syntax=docker/dockerfile:1

# What the program runs in. By default nothing but what scripts/image-root lays out: glibc, CA
# certificates and an unprivileged user, 4 MB. If you would rather have an image whose makers look
# after these, it needs glibc of Debian 12 or newer; give it with the registry that you take it from:
#   docker build --build-arg RUNTIME_IMAGE=<registry>/distroless/cc-debian12:nonroot .
ARG RUNTIME_IMAGE=runtime

# The exact version of rust-toolchain.toml, which stays outside (.dockerignore): its components are
# for development, and rustup would fetch them here.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches belong to the builder: only what is copied out of them is in the layer.
ARG TARGETPLATFORM
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-$TARGETPLATFORM,sharing=locked \
    cargo build --release --locked --package vsphere-cloud --bin vsphere-cloud \
    && scripts/image-root target/release/vsphere-cloud /out

FROM scratch AS runtime
COPY --from=build /out/runtime/ /

FROM ${RUNTIME_IMAGE}
# /usr/local/bin/vsphere-cloud, and /bin/vsphere-cloud-controller-manager that points to it.
COPY --from=build /out/program/usr/local/bin/ /usr/local/bin/
COPY --from=build /out/program/bin/ /bin/
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vsphere-cloud" \
      org.opencontainers.image.description="Cloud provider for Kubernetes on vSphere" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
USER 65532:65532
# Under this name the program is the cloud controller manager, so that a pod specification that gives
# nothing but `args:`, as the one of kubernetes/cloud-provider-vsphere, works unchanged.
ENTRYPOINT ["/bin/vsphere-cloud-controller-manager"]
