# build  the three programs of the builder, and ccaas, into bin
# test   all tests
# fuzz   each fuzz target for FUZZTIME, a minute unless set
# demo   one package on two simulated peers
# check  formatting and vet

export CGO_ENABLED = 0

FUZZTIME = 60s

.PHONY: build test fuzz demo check clean

build:
	go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

test:
	go test ./...

fuzz:
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z]*' . | sed 's,/[^/]*:func , ,' | while read -r dir target; do \
		echo "$$dir $$target"; go test "$$dir" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	done

demo: build
	examples/two-peers/demo.sh

check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go mod tidy -diff

clean:
	rm -rf bin
