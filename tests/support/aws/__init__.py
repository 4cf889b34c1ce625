"""An AWS account on this machine, as far as a deploy needs one: the genuine clients speak to it over the wire."""
