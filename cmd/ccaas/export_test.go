package main

// Run is exported for the test binary, which runs ccaas under its own name in scripts.
var Run = run
