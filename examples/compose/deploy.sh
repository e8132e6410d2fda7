#!/bin/sh
# Makes the channel, joins both peers, and deploys the package, once.
set -eu

orderer_ca=/crypto/ordererOrganizations/example.com/msp/tlscacerts/tlsca.example.com-cert.pem
osnadmin_tls=/crypto/ordererOrganizations/example.com/users/Admin@example.com/tls
to_orderer="-o orderer.example.com:7050 --tls --cafile $orderer_ca"
chaincode="-C channel -n basic -v 1.0 --sequence 1"

# retry repeats a command, for those whom a node that has just started refuses.
retry() {
  for _ in $(seq 30); do
    "$@" && return
    sleep 1
  done
  return 1
}

if peer lifecycle chaincode querycommitted -C channel -n basic >/dev/null 2>&1; then
  exit 0
fi
retry osnadmin channel join --channelID channel --config-block /crypto/channel.block -o orderer.example.com:7053 \
  --ca-file "$orderer_ca" --client-cert "$osnadmin_tls/client.crt" --client-key "$osnadmin_tls/client.key"
for name in peer0 peer1; do
  export CORE_PEER_ADDRESS=$name.org1.example.com:7051
  retry peer channel join -b /crypto/channel.block
  peer lifecycle chaincode install /package/basic.tgz
done
retry peer lifecycle chaincode approveformyorg $chaincode --package-id "$CORE_CHAINCODE_ID" $to_orderer
retry peer lifecycle chaincode commit $chaincode $to_orderer
