package environ

// These types connect the environment, which supplies values, and the template
// language, which works on them. A value is a string, bool, int64, float64, Secret,
// []any or map[string]any.

// Secret stands for a private key wherever a value is allowed. It is only the number by which the
// environment finds the key, so it reveals neither the bytes of the key nor its length.
type Secret int

// Var is a value with the name under which it was found, for errors: they must name the variable
// and never show its value.
type Var struct {
	Name  string // the variable's name, such as CORE_CHAINCODE_ADDRESS
	Value any    // nil: not set
	Why   string // what to say when it is not set; empty: "NAME is not set"
	Hint  string // what to do when it is not set; may be empty
}

// Group is a named set of variables, such as .Peer. Only its members are values.
type Group map[string]Var
