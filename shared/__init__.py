"""Everything the functions share; imports nothing from functions or infra."""
