// Package template is what a chaincode package says about the connection.json of each peer.
//
// [Parse] reads a template and checks all that can be checked without values,
// [Template.Reads] lists what it reads, and [Template.Render] renders it with the values of
// one peer, an [environ.Environment], to a [connection.Connection] that the peer accepts.
package template
