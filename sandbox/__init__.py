"""A stateful stand-in for Stripe, over HTTP, for development and tests: `python -m sandbox`."""
