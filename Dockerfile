# Three images, each a target: builder, peer and chaincode-node; see docs/images.md.
#
# What runs during a build runs on the machine's own platform, so an image for another
# one needs no emulation.

# Each may have a digest, NAME@sha256:….
ARG GO_IMAGE=docker.io/library/golang:1.26
ARG FABRIC_PEER_IMAGE=docker.io/hyperledger/fabric-peer:2.5
ARG NODE_IMAGE=docker.io/library/node:22-slim

# For the labels.
ARG VERSION=unknown
ARG REVISION=unknown

# These stand first for buildah 1.28, which takes the platform of one stage for the next.
FROM $FABRIC_PEER_IMAGE AS fabric-peer
FROM $NODE_IMAGE AS node

FROM --platform=$BUILDPLATFORM $GO_IMAGE AS programs
WORKDIR /src
COPY . .
# As make build does, but ccaas without inlining: that makes it a tenth smaller.
ENV CGO_ENABLED=0 GOFLAGS="-trimpath '-ldflags=-s -w'" GOMODCACHE=/cache/mod GOCACHE=/cache/build
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/cache export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    go build -o /programs/ ./cmd/detect ./cmd/build ./cmd/release && \
    go build -gcflags=all=-l -o /programs/ ./cmd/ccaas

# An init container as it stands: with a volume at /builders, it leaves the builder there.
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

# The peer passes on only the variables that core.yaml lists: here all that have a field
# in templates, and all that the bundled templates read. The flags are those from above, so
# that on the machine's own platform nothing is compiled again.
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

# None of the modules has native code, so they are the same for each platform.
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
