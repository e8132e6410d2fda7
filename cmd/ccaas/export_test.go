package main

// Run is ccaas, for the test binary, which is also the programs of the scripts.
var Run = run
