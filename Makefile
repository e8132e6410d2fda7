# build  the three programs of the builder, and ccaas, into bin
# test   the builder's tests, the one that rotates connections with 10,000 rotations
# fuzz   each fuzz target for FUZZTIME, a minute unless set
# demo   one package on two simulated peers
# e2e    the builder against chaincode servers on Hyperledger's shims for Node (needs node and npm) and Go
# e2e-fabric  the builder in a real Fabric network: FABRIC_BIN=DIR of its programs, FABRIC_CFG=DIR of its core.yaml
# kubernetes  the manifests of examples/kubernetes
# compose  the network of examples/compose, with FABRIC_BIN=DIR on what Fabric's own cryptogen makes
# image-test  the images of the Dockerfile, built and run by docker, podman or buildah, as root
# bench  how long the builder takes, beside an empty program and with BASELINE=DIR beside another builder's; JSON=1 for machines
# docs   man pages and shell completions, into share
# check  formatting and vet
# workflows  GitHub's workflows, by actionlint
# release  the archives of PLATFORMS, with SBOM and SHA256SUMS, into dist
# release-test  releases of the working tree, twice, compared and tried; for two platforms

export CGO_ENABLED = 0

FUZZTIME = 60s

PLATFORMS = linux/amd64 linux/arm64 linux/s390x linux/ppc64le darwin/amd64 darwin/arm64

.PHONY: build test fuzz e2e e2e-fabric kubernetes compose image-test demo bench docs check workflows release release-test clean

build:
	go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

test:
	go test ./...
	go test ./pkg/refresh -run '^TestRotation$$' -rounds 1000

fuzz:
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z]*' . | sed 's,/[^/]*:func , ,' | while read -r dir target; do \
		echo "$$dir $$target"; go test "$$dir" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	done

e2e:
	cd examples/chaincode-node && npm ci --no-audit --no-fund --ignore-scripts
	go test ./internal/e2e -run "TestNode|TestGo" -count=1 -v

e2e-fabric:
	@test -n "$(FABRIC_BIN)" -a -n "$(FABRIC_CFG)" || { echo "usage: make e2e-fabric FABRIC_BIN=DIR FABRIC_CFG=DIR"; exit 2; }
	cd examples/chaincode-node && npm ci --no-audit --no-fund --ignore-scripts
	FABRIC_BIN="$(abspath $(FABRIC_BIN))" FABRIC_CFG="$(abspath $(FABRIC_CFG))" go test ./internal/e2e -run TestFabric -count=1 -v

kubernetes:
	cd examples/kubernetes && go test ./...

compose:
	cd examples/compose && $(if $(FABRIC_BIN),FABRIC_BIN="$(abspath $(FABRIC_BIN))") go test ./...

image-test:
	IMAGE_TEST=1 go test ./internal/image -count=1 -timeout 20m -v

bench:
	@go run ./internal/bench $(if $(BASELINE),-baseline "$(BASELINE)") $(if $(JSON),-o json)

demo: build
	examples/two-peers/demo.sh

check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go mod tidy -diff
	for module in kubernetes compose; do (cd examples/$$module && go vet ./... && go mod tidy -diff) || exit 1; done

# The date in the man pages is that of the commit.
docs: build
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) bin/ccaas docs share

workflows:
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

release:
	internal/release/release.sh $(PLATFORMS)

release-test:
	go test ./internal/release -run TestRelease -count=1 -timeout 30m -v -platforms 'linux/amd64 darwin/arm64'

clean:
	rm -rf bin share dist
