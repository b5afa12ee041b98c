# syntax=docker/dockerfile:1

# What the binary runs in: the distroless image `cc`, with glibc and CA certificates and nothing else.
# Give it with the registry that you take your images from:
#   docker build --build-arg RUNTIME_IMAGE=<registry>/distroless/cc-debian12:nonroot .
ARG RUNTIME_IMAGE=distroless/cc-debian12:nonroot

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
    && mkdir -p /out/usr-local-bin /out/bin \
    && cp target/release/vsphere-cloud /out/usr-local-bin/ \
    && ln -s /usr/local/bin/vsphere-cloud /out/bin/vsphere-cloud-controller-manager

# glibc, CA certificates and an unprivileged user: no shell, nothing else.
FROM ${RUNTIME_IMAGE}
COPY --from=build /out/usr-local-bin/ /usr/local/bin/
COPY --from=build /out/bin/ /bin/
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
