"""How well the memory finds again what it was told: a labelled world from a seed, and what comes back of it."""
