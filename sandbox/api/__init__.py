"""How a request to `/v1` is read, checked, done once, and answered."""
