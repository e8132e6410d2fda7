#!/bin/sh
# One package with one package ID on two peers, each of which gets its own connection.json. Run
# it in the project's folder after make build, or run make demo.
set -eu
PATH=$PWD/bin:$PATH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

show() { printf '\n$ %s\n' "$*"; "$@"; }

go run ./examples/two-peers/certificates "$dir"
cd "$dir"
show cat peer0.env
show cat peer1.env
show ccaas init basic --template mtls
show cat basic/connection.json
show ccaas package basic.tgz --path basic --label basic_1.0
show ccaas simulate basic.tgz --peer peer0=peer0.env --peer peer1=peer1.env
for peer in peer0 peer1; do
	show ccaas render basic.tgz --env-file $peer.env >connection.txt
	cut -c1-78 connection.txt
done
