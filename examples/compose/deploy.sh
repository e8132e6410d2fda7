#!/bin/sh
# Makes the channel, joins both peers, and deploys the package. What is done already it
# leaves, so it may run again.
set -eu

orderer_ca=/crypto/ordererOrganizations/example.com/msp/tlscacerts/tlsca.example.com-cert.pem
admin_tls=/crypto/ordererOrganizations/example.com/users/Admin@example.com/tls
to_orderer="-o orderer.example.com:7050 --tls --cafile $orderer_ca"
to_osnadmin="-o orderer.example.com:7053 --ca-file $orderer_ca --client-cert $admin_tls/client.crt --client-key $admin_tls/client.key"
chaincode="-C channel -n basic -v 1.0 --sequence 1"

# retry repeats a command, for those whom a node that has just started refuses.
retry() {
  for _ in $(seq 30); do
    "$@" && return
    sleep 1
  done
  return 1
}

retry osnadmin channel list $to_osnadmin
osnadmin channel list --channelID channel $to_osnadmin | grep -q '"name": *"channel"' ||
  osnadmin channel join --channelID channel --config-block /crypto/channel.block $to_osnadmin
for name in peer0 peer1; do
  export CORE_PEER_ADDRESS=$name.org1.example.com:7051
  retry peer channel list
  peer channel list | grep -qx channel || peer channel join -b /crypto/channel.block
  peer lifecycle chaincode queryinstalled | grep -q "$CORE_CHAINCODE_ID" || peer lifecycle chaincode install /package/basic.tgz
done
if peer lifecycle chaincode querycommitted -C channel -n basic >/dev/null 2>&1; then
  exit
fi
retry peer channel fetch newest /tmp/newest.block -c channel $to_orderer # there is a leader
peer lifecycle chaincode queryapproved -C channel -n basic --sequence 1 >/dev/null 2>&1 ||
  peer lifecycle chaincode approveformyorg $chaincode --package-id "$CORE_CHAINCODE_ID" $to_orderer
peer lifecycle chaincode commit $chaincode $to_orderer
