# Builds three images, each a target: builder, peer and chaincode-node. See docs/images.md.
#
# Programs that run during a build are for the platform of the machine that builds, so an image
# for another platform needs no emulation.

# Each image may have a digest: NAME@sha256:….
ARG GO_IMAGE=docker.io/library/golang:1.26
ARG FABRIC_PEER_IMAGE=docker.io/hyperledger/fabric-peer:2.5
ARG NODE_IMAGE=docker.io/library/node:22-slim

# Values of labels.
ARG VERSION=unknown
ARG REVISION=unknown

# These come first because buildah 1.28 uses the platform of one stage for the next.
FROM $FABRIC_PEER_IMAGE AS fabric-peer
FROM $NODE_IMAGE AS node

FROM --platform=$BUILDPLATFORM $GO_IMAGE AS programs
WORKDIR /src
COPY . .
# The same flags as in make build, except that ccaas is built without inlining, which makes it
# a tenth smaller.
ENV CGO_ENABLED=0 GOFLAGS="-trimpath '-ldflags=-s -w'" GOMODCACHE=/cache/mod GOCACHE=/cache/build
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/cache export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    go build -o /programs/ ./cmd/detect ./cmd/build ./cmd/release && \
    go build -gcflags=all=-l -o /programs/ ./cmd/ccaas

# Without arguments it serves as an init container: it installs the builder into a volume at
# /builders.
FROM scratch AS builder
COPY --from=programs /programs/ /bin/
USER 65534:65534
ENTRYPOINT ["/bin/ccaas"]
CMD ["install", "/builders/ccaas-template-builder"]
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="ccaas-template-builder" \
      org.opencontainers.image.description="External builder for Hyperledger Fabric: a connection.json for each peer from one chaincode package" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

# The peer passes on only the variables that core.yaml lists. This stage lists those of all
# settings, and those that the bundled templates read. The flags are the same as above, so that
# a build for the machine's own platform compiles nothing again.
FROM programs AS core-yaml
RUN --mount=type=cache,target=/cache go build -gcflags=all=-l -o /usr/local/bin/ccaas ./cmd/ccaas
COPY --from=fabric-peer /etc/hyperledger/fabric/core.yaml /fabric/
RUN ccaas init /packages/ccaas --template ccaas && \
    ccaas init /packages/peer-identity --template peer-identity && \
    mkdir /packages/fields && \
    echo '{"address": "{{ .Address }}{{ .Peer.MSPID }}"}' >/packages/fields/connection.json && \
    ccaas coreyaml /packages/* --patch /fabric/core.yaml

FROM fabric-peer AS peer
COPY --from=builder /bin/ /opt/ccaas-template-builder/bin/
COPY --from=core-yaml /fabric/core.yaml /etc/hyperledger/fabric/core.yaml
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="fabric-peer" \
      org.opencontainers.image.description="Hyperledger Fabric's peer with ccaas-template-builder" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

# The modules have no native code, so they are the same for every platform.
FROM --platform=$BUILDPLATFORM $NODE_IMAGE AS modules
WORKDIR /chaincode
COPY examples/chaincode-node/package.json examples/chaincode-node/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node AS chaincode-node
WORKDIR /chaincode
COPY --from=modules /chaincode/ ./
COPY examples/chaincode-node/index.js ./
USER 65534:65534
ENV CORE_CHAINCODE_ADDRESS=0.0.0.0:9999
EXPOSE 9999
ENTRYPOINT ["node", "node_modules/.bin/fabric-chaincode-node", "server"]
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="chaincode-node" \
      org.opencontainers.image.description="The example of a chaincode server of ccaas-template-builder" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
