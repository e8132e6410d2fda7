// Command chaincode-go is the same chaincode as ../chaincode-node, with the Go shim. It reads
// the variables of Fabric's samples for Go:
//
//	CHAINCODE_ID              the package ID
//	CHAINCODE_SERVER_ADDRESS  HOST:PORT to listen on
//	CHAINCODE_TLS_DISABLED    true turns TLS off (default: false)
//	CHAINCODE_TLS_CERT        the file of the server's certificate
//	CHAINCODE_TLS_KEY         the file of its key
//	CHAINCODE_CLIENT_CA_CERT  the file of the CA of the peer's client certificate;
//	                          without it, the server asks clients for none
//	SERVER_NAME               the answer of the function server
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// notes stores texts under names. It can also say which chaincode server has answered, since
// each peer has its own.
type notes struct{}

type note struct {
	DocType string `json:"docType"`
	Text    string `json:"text"`
}

func (notes) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (notes) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	result, err := call(stub, function, args)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success([]byte(result))
}

func call(stub shim.ChaincodeStubInterface, function string, args []string) (string, error) {
	switch {
	case function == "put" && len(args) == 2:
		return "", put(stub, args[0], args[1])
	case function == "get" && len(args) == 1:
		return get(stub, args[0])
	case function == "putPrivate" && len(args) == 2:
		return "", putPrivate(stub, args[0], args[1])
	case function == "getPrivate" && len(args) == 2:
		return getPrivate(stub, args[0], args[1])
	case function == "server" && len(args) == 0: // for queries only: each server answers something else
		return os.Getenv("SERVER_NAME"), nil
	}
	return "", fmt.Errorf("there is no function %q with %d arguments", function, len(args))
}

func put(stub shim.ChaincodeStubInterface, name, text string) error {
	state, err := json.Marshal(note{"note", text})
	if err != nil {
		return err
	}
	return stub.PutState(name, state)
}

func get(stub shim.ChaincodeStubInterface, name string) (string, error) {
	state, err := stub.GetState(name)
	if err != nil {
		return "", err
	}
	if state == nil {
		return "", fmt.Errorf("there is no note %q", name)
	}
	var n note
	err = json.Unmarshal(state, &n)
	return n.Text, err
}

// putPrivate stores a text in a private data collection. It takes the text from the transient
// data of the proposal, which do not become part of the transaction, as arguments do.
func putPrivate(stub shim.ChaincodeStubInterface, collection, name string) error {
	transient, err := stub.GetTransient()
	if err != nil {
		return err
	}
	text, ok := transient["text"]
	if !ok {
		return errors.New(`the transient data lack "text"`)
	}
	return stub.PutPrivateData(collection, name, text)
}

func getPrivate(stub shim.ChaincodeStubInterface, collection, name string) (string, error) {
	text, err := stub.GetPrivateData(collection, name)
	if err == nil && text == nil {
		err = fmt.Errorf("there is no note %q in %q", name, collection)
	}
	return string(text), err
}

func main() {
	properties, err := tlsProperties()
	if err != nil {
		log.Fatal(err)
	}
	server := &shim.ChaincodeServer{
		CCID:     os.Getenv("CHAINCODE_ID"),
		Address:  os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:       notes{},
		TLSProps: properties,
	}
	log.Fatal(server.Start())
}

// tlsProperties reads the files whose paths are in the variables.
func tlsProperties() (properties shim.TLSProperties, err error) {
	if os.Getenv("CHAINCODE_TLS_DISABLED") == "true" {
		return shim.TLSProperties{Disabled: true}, nil
	}
	for variable, content := range map[string]*[]byte{
		"CHAINCODE_TLS_CERT":       &properties.Cert,
		"CHAINCODE_TLS_KEY":        &properties.Key,
		"CHAINCODE_CLIENT_CA_CERT": &properties.ClientCACerts,
	} {
		file := os.Getenv(variable)
		if file == "" {
			continue
		}
		if *content, err = os.ReadFile(file); err != nil {
			return properties, fmt.Errorf("%s: %w", variable, err)
		}
	}
	return properties, nil
}
