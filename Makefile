# build         builds the builder's three programs and ccaas, into bin
# test          runs all tests of the builder, including the slow ones: 10,000 rotations of connections, 20 s of random changes
# mutants       checks that the tests notice each changed operator in the code that decides; as root, about 20 minutes; PKG=pkg/archive for one package
# fuzz          runs each fuzz target for FUZZTIME, a minute by default
# demo          installs one package on two simulated peers
# e2e           tests the builder with chaincode servers on Hyperledger's shims for Node (needs node and npm) and Go
# fabric        builds Fabric's own programs, which the targets with a network need, into bin/fabric
# network       runs a Fabric network on loopback until Ctrl-C, in the folder network; PORT=N is the first of its ports
# network-down  stops that network from another terminal, and removes the folder
# session       draws docs/session.svg from ccaas deploy and status, on a network that make network has just started
# network-test  tests network and network-down
# e2e-fabric    tests the builder in a real Fabric network
# e2e-samples   tests the builder in test-network-nano-bash of the fabric-samples in SAMPLES, with the chaincode built there; on Linux
# kubernetes    tests the manifests of examples/kubernetes
# kubernetes-api  applies them to Kubernetes' own API server; the first time, it builds that into bin/kubernetes, in minutes
# compose       tests the network of examples/compose
# embed         tests the library in another program, examples/embed
# image-test    builds the images of the Dockerfile with docker, podman or buildah, and tests them; as root
# bench         measures how long the builder takes; BASELINE=DIR also measures the builder in DIR, after make fabric on real peers too; JSON=1 prints JSON
# docs          writes man pages and shell completions into share
# check         checks formatting, and runs go vet
# workflows     checks GitHub's workflows with actionlint
# home          changes the path of the module to MODULE everywhere
# home-test     does that in a copy of the project, which it then builds and tests
# release       writes the archives of PLATFORMS, with SBOM and SHA256SUMS, into dist
# release-test  makes a release of the working tree twice, compares the two and tests them; for two platforms

export CGO_ENABLED = 0

FUZZTIME = 60s

PLATFORMS = linux/amd64 linux/arm64 linux/s390x linux/ppc64le darwin/amd64 darwin/arm64

# Fabric's programs, and the folder of its core.yaml. By default, they are of the version that
# internal/fabric pins.
FABRIC_BIN = bin/fabric
FABRIC_CFG = $(shell go list -C internal/fabric -m -f '{{.Dir}}' github.com/hyperledger/fabric)/sampleconfig
FABRIC_ENV = FABRIC_BIN="$(abspath $(FABRIC_BIN))" FABRIC_CFG="$(abspath $(FABRIC_CFG))"
FABRIC_FLAGS = -fabric-bin "$(abspath $(FABRIC_BIN))" -fabric-cfg "$(abspath $(FABRIC_CFG))"

NETWORK = network
PORT = 7050

.PHONY: build test mutants fuzz e2e fabric network network-down session network-test e2e-fabric e2e-samples kubernetes kubernetes-api compose embed image-test demo bench docs check workflows home home-test release release-test clean

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

# Needs only Go. After the first build, Go has the programs in its cache.
fabric:
	$(if $(filter bin/fabric,$(FABRIC_BIN)),go build -C internal/fabric -trimpath \
		-ldflags '-s -w -X github.com/hyperledger/fabric/common/metadata.Version=v3.1.1' -o "$(CURDIR)/bin/fabric/" tool)

network: build fabric
	@go build -o bin/fabric/network ./examples/network
	@bin/fabric/network up -dir "$(NETWORK)" -port "$(PORT)" -fabric-bin "$(FABRIC_BIN)" -fabric-cfg "$(FABRIC_CFG)"

network-down:
	@go run ./examples/network down -dir "$(NETWORK)"

session:
	@go run ./internal/session

network-test: build fabric
	NETWORK_TEST=1 go test ./examples/network -count=1 -v

e2e-fabric: fabric
	cd examples/chaincode-node && npm ci --no-audit --no-fund --ignore-scripts
	$(FABRIC_ENV) go test ./internal/e2e -run TestFabric -count=1 -timeout 20m -v

# The commands of docs/coming-from/test-network-nano-bash.md.
e2e-samples: fabric
	$(if $(SAMPLES),,$(error say SAMPLES=DIR, where fabric-samples is))
	$(FABRIC_ENV) SAMPLES="$(abspath $(SAMPLES))" go test ./internal/e2e -run TestSamples -count=1 -timeout 10m -v

kubernetes:
	cd examples/kubernetes && go test -count=1 ./...

kubernetes-api:
	cd internal/kubernetes && go mod tidy -diff
	go build -C internal/kubernetes -trimpath -ldflags '-s -w' -o "$(CURDIR)/bin/kubernetes/" \
		k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
	go build -C internal/kubernetes -trimpath -ldflags '-s -w' -o "$(CURDIR)/bin/kubernetes/etcd" go.etcd.io/etcd/server/v3
	cd examples/kubernetes && KUBERNETES_BIN="$(CURDIR)/bin/kubernetes" go test -run TestAPIServer -count=1 -v .

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

# The man pages have the date of the commit.
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
