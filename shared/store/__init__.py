"""Hand-written SQL, one module per aggregate; every function takes a connection and never commits."""
