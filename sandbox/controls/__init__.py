"""`/_sandbox/…`: what a test or a person tells the sandbox to do; `sandbox.control` is the client of it."""
