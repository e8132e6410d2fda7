#!/bin/sh
# Deploys the chaincode notes on the network, from its source to the first answer of all four
# peers, each from a server of its own. make network runs it; copy from it what you need.
set -eu

cd "$(dirname "$0")/../.." # the checkout
network=${NETWORK:-$PWD/network}
definition="-C mychannel -n notes -v 1.0 --sequence 1"

# use takes the environment of the peer CLI for a peer: use org1 0
use() {
  script=$network/$1.sh
  shift
  . "$script"
}

# ordered runs a command of the peer CLI that goes to the orderer.
ordered() { "$@" -o "$ORDERER" --tls --cafile "$ORDERER_CA"; }

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

    # All that this peer alone needs to know: where its chaincode server is.
    mkdir -p "$network/$peer/values/notes_1.0"
    printf %s "$address" >"$network/$peer/values/notes_1.0/CORE_CHAINCODE_ADDRESS"
    peer lifecycle chaincode install "$network/notes/notes.tgz"

    # The server has the package ID, a certificate, and the CA of its peer.
    server=$network/notes.$peer
    CHAINCODE_ID=$id CHAINCODE_SERVER_ADDRESS=$address SERVER_NAME="notes of $peer" \
      CHAINCODE_TLS_CERT=$server/server.crt CHAINCODE_TLS_KEY=$server/server.key CHAINCODE_CLIENT_CA_CERT=$server/peers.crt \
      "$network/notes/server" >"$server/log" 2>&1 &
    echo $! >"$server/pid"
    build=$network/$peer/production/externalbuilder/builds/notes_1.0-${id#*:}
    retry ccaas probe "$build/release/chaincode/server/connection.json" --package-id "$id"
  done

  # Endorsed by both peers, so that neither has to wait for the other's private data.
  second=$CORE_PEER_ADDRESS
  use $organisation 0
  ordered peer lifecycle chaincode approveformyorg $definition --package-id "$id" \
    --peerAddresses "$CORE_PEER_ADDRESS" --tlsRootCertFiles "$CORE_PEER_TLS_ROOTCERT_FILE" \
    --peerAddresses "$second" --tlsRootCertFiles "$CORE_PEER_TLS_ROOTCERT_FILE"
done

# A majority of the organisations has to endorse the commit: with two, both.
other=$CORE_PEER_ADDRESS other_ca=$CORE_PEER_TLS_ROOTCERT_FILE
use org1 0
ordered peer lifecycle chaincode commit $definition \
  --peerAddresses "$CORE_PEER_ADDRESS" --tlsRootCertFiles "$CORE_PEER_TLS_ROOTCERT_FILE" \
  --peerAddresses "$other" --tlsRootCertFiles "$other_ca"

for organisation in org1 org2; do
  for number in 0 1; do
    use $organisation $number
    retry peer chaincode query -C mychannel -n notes -c '{"Args":["server"]}'
  done
done
