"""The scheduled visit: relays what is due."""
