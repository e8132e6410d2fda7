#!/bin/sh
# Builds the chaincode notes and deploys it on the network. In the end all four peers answer,
# each from its own chaincode server. make network runs this script; copy from it what you
# need.
set -eu

cd "$(dirname "$0")/../.." # the checkout
network=${NETWORK:-$PWD/network}

# use sets the environment of the peer CLI for a peer, as in: use org1 0
use() {
  script=$network/$1.sh
  shift
  . "$script"
}

# retry repeats a command until it succeeds.
retry() {
  for _ in $(seq 60); do
    "$@" && return
    sleep 0.5
  done
  return 1
}

# One chaincode server from source, and one package for all peers.
go build -C examples/chaincode-go -o "$network/notes/server" .
ccaas init "$network/notes/package" --template peer-identity
id=$(ccaas package "$network/notes/notes.tgz" --path "$network/notes/package" --label notes_1.0)

for organisation in org1 org2; do
  for number in 0 1; do
    use $organisation $number
    peer=peer$number.$organisation.example.com
    address=127.0.0.1:$((${CORE_PEER_ADDRESS##*:} + 1))

    # This peer needs to know only where its chaincode server is.
    mkdir -p "$network/$peer/values/notes_1.0"
    printf %s "$address" >"$network/$peer/values/notes_1.0/CORE_CHAINCODE_ADDRESS"

    # The server needs the package ID, a certificate, and the CA of its peer.
    server=$network/notes.$peer
    CHAINCODE_ID=$id CHAINCODE_SERVER_ADDRESS=$address SERVER_NAME="notes of $peer" \
      CHAINCODE_TLS_CERT=$server/server.crt CHAINCODE_TLS_KEY=$server/server.key CHAINCODE_CLIENT_CA_CERT=$server/peers.crt \
      "$network/notes/server" >"$server/log" 2>&1 &
    echo $! >"$server/pid"
    retry ccaas probe "$network/notes/notes.tgz" --env-file "$network/$peer/peer.env"

    set -- "$@" --peerAddresses "$CORE_PEER_ADDRESS" --tlsRootCertFiles "$CORE_PEER_TLS_ROOTCERT_FILE"
  done
done

# Each organisation installs and approves. The second one also commits, since the first has
# already approved. Org1 runs again to check that the chaincode answers on its peers. The
# addresses of all peers are needed only because this network has just started: after about a
# minute, each peer has found the others by gossip.
for organisation in org1 org2 org1; do
  use $organisation
  ccaas deploy "$network/notes/notes.tgz" -C mychannel --query '{"Args":["server"]}' "$@"
done
