// Package lifecycle deploys a chaincode for one organisation, as its administrator, and looks at
// what is deployed: [Connect], then [Organisation.Deploy] or [Organisation.Status]. Requests are
// signed and sent by Hyperledger's libraries; what to send, and when, is decided here.
package lifecycle
