// Package lifecycle deploys a chaincode for one organisation, as its administrator, and
// reports what is deployed: [Open], [Organisation.On], then [Channel.Deploy] or
// [Channel.Status]. Hyperledger's libraries sign and send the requests. This package decides
// what to send and when.
package lifecycle
