# build  the three programs of the builder, and ccaas, into bin
# test   all tests
# demo   one package on two simulated peers
# check  formatting and vet

export CGO_ENABLED = 0

.PHONY: build test demo check clean

build:
	go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

test:
	go test ./...

demo: build
	examples/two-peers/demo.sh

check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go mod tidy -diff

clean:
	rm -rf bin
