"""The contract of the templates: what no linter knows of AWS, of our code, and of the two together."""
