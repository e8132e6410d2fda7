// Package template reads and renders the template in a chaincode package. The template says
// what connection.json contains on each peer.
//
// [Parse] reads a template and checks everything that can be checked without values.
// [Template.Reads] lists what it reads. [Template.Render] renders it with the values of one
// peer, an [environ.Environment], and returns a [connection.Connection] that the peer accepts.
package template
