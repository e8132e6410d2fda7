#!/bin/sh
# Creates the channel and joins peers of one organisation to it, unless that is already done:
#
#   channel.sh PEER_ADDRESS...
#
# It needs the environment of the peer CLI, and
#
#   CRYPTO         the folder that crypto.sh has filled
#   ORDERER        the orderer's address
#   ORDERER_ADMIN  its address for osnadmin
#   ORDERER_CA     the file of its CA's certificate
set -eu

# retry repeats a command that fails until the node has started.
retry() {
  for _ in $(seq 60); do
    "$@" && return
    sleep 0.5
  done
  return 1
}

admin() {
  tls=$CRYPTO/ordererOrganizations/example.com/users/Admin@example.com/tls
  osnadmin channel "$@" -o "$ORDERER_ADMIN" --ca-file "$ORDERER_CA" --client-cert "$tls/client.crt" --client-key "$tls/client.key"
}

retry admin list
admin list --channelID mychannel | grep -q '"name": *"mychannel"' ||
  admin join --channelID mychannel --config-block "$CRYPTO/mychannel.block"
for CORE_PEER_ADDRESS; do
  export CORE_PEER_ADDRESS
  retry peer channel list
  peer channel list | grep -qx mychannel || peer channel join -b "$CRYPTO/mychannel.block"
done
# The orderer refuses everything until it has a leader.
retry peer channel fetch newest /dev/null -c mychannel -o "$ORDERER" --tls --cafile "$ORDERER_CA"
