package probe

var Registered = registered
