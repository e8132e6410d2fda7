#!/bin/sh
# Makes the certificates and the channel's first block, once, and copies to each node its own.
#
#   CRYPTO   the folder for all of it; a configtx.yaml that is already there is used
#   NODES    the folder with a folder for each node, named as the node
#   PROFILE  the channel's profile in configtx.yaml
set -eu

here=$(dirname "$0")
servers=$CRYPTO/peerOrganizations/servers.example.com

test ! -e "$CRYPTO/mychannel.block" || exit 0
# After an interrupted run, cryptogen would make new CAs, and keep the certificates of the old ones.
rm -rf "$CRYPTO/peerOrganizations" "$CRYPTO/ordererOrganizations"
cryptogen generate --config "$here/crypto.yaml" --output "$CRYPTO"
for folder in "$NODES"/*.example.com; do
  node=${folder##*/}
  domain=${node#*.}
  case $node in
  orderer.*)
    cp -R "$CRYPTO/ordererOrganizations/$domain/orderers/$node/." "$folder"
    ;;
  notes.*) # a chaincode server; it trusts the peers of its organisation
    domain=${domain#*.}
    cp "$servers/peers/$node/tls/"* "$folder"
    cp "$CRYPTO/peerOrganizations/$domain/tlsca/tlsca.$domain-cert.pem" "$folder/peers.crt"
    test "$(id -u)" != 0 || chown 65534:65534 "$folder"/* # the user in the container
    ;;
  *)
    cp -R "$CRYPTO/peerOrganizations/$domain/peers/$node/." "$folder"
    cp "$servers/tlsca/tlsca.servers.example.com-cert.pem" "$folder/servers.crt"
    ;;
  esac
done
test -e "$CRYPTO/configtx.yaml" || cp "$here/configtx.yaml" "$CRYPTO"
configtxgen -configPath "$CRYPTO" -profile "$PROFILE" -channelID mychannel -outputBlock "$CRYPTO/mychannel.block"
