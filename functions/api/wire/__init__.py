"""Request and response models of the v3 API."""
