# build  the three programs of the builder, and ccaas, into bin
# test   the builder's tests, those too that take long, 10,000 rotations in the one that rotates connections, and 20 s of random changes
# mutants  whether the tests of what decides notice each change of an operator in it, in about half an hour; as root. PKG=pkg/archive for one of the packages
# fuzz   each fuzz target for FUZZTIME, a minute unless set
# demo   one package on two simulated peers
# e2e    the builder against chaincode servers on Hyperledger's shims for Node (needs node and npm) and Go
# fabric  Fabric's own programs, which the targets with a network need, into bin/fabric
# network  a Fabric network on loopback until Ctrl-C, in the folder network: PORT=N is the first of its ports
# network-down  ends it from elsewhere, and removes the folder
# network-test  tests the two above
# e2e-fabric  the builder in a real Fabric network
# kubernetes  the manifests of examples/kubernetes
# compose  the network of examples/compose
# embed  the library in another program, examples/embed
# image-test  the images of the Dockerfile, built and run by docker, podman or buildah, as root
# bench  how long the builder takes, compared with an empty program and with BASELINE=DIR with another builder's, on real peers too after make fabric; JSON=1 for machines
# docs   man pages and shell completions, into share
# check  formatting and vet
# workflows  GitHub's workflows, by actionlint
# home  changes the path of the module to MODULE everywhere
# home-test  does that to a copy, which it then builds and tests
# release  the archives of PLATFORMS, with SBOM and SHA256SUMS, into dist
# release-test  releases the working tree twice, compares the two and tests them; for two platforms

export CGO_ENABLED = 0

FUZZTIME = 60s

PLATFORMS = linux/amd64 linux/arm64 linux/s390x linux/ppc64le darwin/amd64 darwin/arm64

# Fabric's programs, and the folder of its core.yaml: the version that internal/fabric pins, or others.
FABRIC_BIN = bin/fabric
FABRIC_CFG = $(shell go list -C internal/fabric -m -f '{{.Dir}}' github.com/hyperledger/fabric)/sampleconfig
FABRIC_ENV = FABRIC_BIN="$(abspath $(FABRIC_BIN))" FABRIC_CFG="$(abspath $(FABRIC_CFG))"
FABRIC_FLAGS = -fabric-bin "$(abspath $(FABRIC_BIN))" -fabric-cfg "$(abspath $(FABRIC_CFG))"

NETWORK = network
PORT = 7050

.PHONY: build test mutants fuzz e2e fabric network network-down network-test e2e-fabric kubernetes compose embed image-test demo bench docs check workflows home home-test release release-test clean

build:
	go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

test:
	go test ./...
	LONG_TEST=1 go test ./cmd/ccaas -run '^(TestLargePackage|TestLargeCoreYAML|TestInterrupted|TestKilledRefresh|TestFailingCallsRefresh|TestHookNothingLost)$$'
	go test ./pkg/refresh -run '^TestRotation$$' -rounds 1000
	go test ./pkg/refresh -run '^TestMemory$$' -changing 20s

mutants:
	@go run ./internal/mutants $(PKG)

fuzz:
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z]*' . | sed 's,/[^/]*:func , ,' | while read -r dir target; do \
		echo "$$dir $$target"; go test "$$dir" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	done

e2e:
	cd examples/chaincode-node && npm ci --no-audit --no-fund --ignore-scripts
	SHIM_TEST=1 go test ./internal/e2e -run "TestNode|TestGo" -count=1 -v

# Built by Go alone, and only once: after that, Go has it in its cache.
fabric:
	$(if $(filter bin/fabric,$(FABRIC_BIN)),go build -C internal/fabric -trimpath \
		-ldflags '-s -w -X github.com/hyperledger/fabric/common/metadata.Version=v3.1.1' -o "$(CURDIR)/bin/fabric/" tool)

network: build fabric
	@go build -o bin/fabric/network ./examples/network
	@bin/fabric/network up -dir "$(NETWORK)" -port "$(PORT)" -fabric-bin "$(FABRIC_BIN)" -fabric-cfg "$(FABRIC_CFG)"

network-down:
	@go run ./examples/network down -dir "$(NETWORK)"

network-test: build fabric
	NETWORK_TEST=1 go test ./examples/network -count=1 -v

e2e-fabric: fabric
	cd examples/chaincode-node && npm ci --no-audit --no-fund --ignore-scripts
	$(FABRIC_ENV) go test ./internal/e2e -run TestFabric -count=1 -timeout 20m -v

kubernetes:
	cd examples/kubernetes && go test -count=1 ./...

compose: fabric
	cd examples/compose && $(FABRIC_ENV) go test -count=1 ./...

embed:
	cd examples/embed && go test ./...

image-test:
	IMAGE_TEST=1 go test ./internal/image -count=1 -timeout 20m -v

bench:
	@go run ./internal/bench $(if $(BASELINE),-baseline "$(BASELINE)" $(if $(wildcard $(FABRIC_BIN)/peer),$(FABRIC_FLAGS))) $(if $(JSON),-o json)

demo: build
	examples/two-peers/demo.sh

check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go mod tidy -diff
	for module in kubernetes compose embed chaincode-go; do (cd examples/$$module && go vet ./... && go mod tidy -diff) || exit 1; done
	cd internal/fabric && go mod tidy -diff

# The date in the man pages is that of the commit.
docs: build
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) bin/ccaas docs share

workflows:
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

home:
	@go run ./internal/home "$(MODULE)"

home-test:
	HOME_TEST=1 go test ./internal/home -count=1 -timeout 20m -v

release:
	internal/release/release.sh $(PLATFORMS)

release-test:
	go test ./internal/release -run TestRelease -count=1 -timeout 30m -v -platforms 'linux/amd64 darwin/arm64'

clean:
	rm -rf bin share dist
