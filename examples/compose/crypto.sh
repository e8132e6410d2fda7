#!/bin/sh
# Makes certificates and the channel's first block, once, and gives each node its own:
# the volumes in /nodes.
set -eu

orderers=/crypto/ordererOrganizations/example.com
peers=/crypto/peerOrganizations/org1.example.com
servers=/crypto/peerOrganizations/servers.example.com

test ! -e /crypto/channel.block || exit 0
cryptogen generate --config /config/crypto.yaml --output /crypto
cp -R "$orderers/orderers/orderer.example.com/." /nodes/orderer
for peer in peer0 peer1; do
  cp -R "$peers/peers/$peer.org1.example.com/." "/nodes/$peer"
  cp "$servers/tlsca/tlsca.servers.example.com-cert.pem" "/nodes/$peer/servers.crt"
  cp "$servers/peers/basic.$peer.org1.example.com/tls/"* "/nodes/basic.$peer"
  cp "$peers/tlsca/tlsca.org1.example.com-cert.pem" "/nodes/basic.$peer/peers.crt"
  chown 65534:65534 "/nodes/basic.$peer/"* # as whom the server runs
done
configtxgen -configPath /config -profile Channel -channelID channel -outputBlock /crypto/channel.block
