"""`/_sandbox/…`: how a test or a person controls the sandbox; `sandbox.client` calls it."""
