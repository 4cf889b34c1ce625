"""Orders of an operator to a running service, on this machine or on AWS."""
