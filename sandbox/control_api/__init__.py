"""`/_sandbox/…`: what a test or a person tells the sandbox to do; `sandbox.client` is the client of it."""
