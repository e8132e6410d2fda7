#!/bin/sh
# Creates the channel, joins the organisation's peers to it, and deploys the package. It skips
# what is already done, so it can run again. compose.yaml sets the variables. If ccaas were in
# this image, one command could replace everything after channel.sh:
#
#   ccaas deploy "$PACKAGE" -C mychannel -n notes -v 1.0
set -eu

definition="-C mychannel -n notes -v 1.0 --sequence 1"

"$(dirname "$0")/../network/channel.sh" $PEERS
for CORE_PEER_ADDRESS in $PEERS; do
  export CORE_PEER_ADDRESS
  peer lifecycle chaincode queryinstalled | grep -q "$CORE_CHAINCODE_ID" || peer lifecycle chaincode install "$PACKAGE"
done
if peer lifecycle chaincode querycommitted -C mychannel -n notes >/dev/null 2>&1; then
  exit
fi
peer lifecycle chaincode queryapproved -C mychannel -n notes --sequence 1 >/dev/null 2>&1 ||
  peer lifecycle chaincode approveformyorg $definition --package-id "$CORE_CHAINCODE_ID" -o "$ORDERER" --tls --cafile "$ORDERER_CA"
peer lifecycle chaincode commit $definition -o "$ORDERER" --tls --cafile "$ORDERER_CA"
