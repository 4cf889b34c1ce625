"""Lambda entry points, one package per function; siblings never import each other."""
