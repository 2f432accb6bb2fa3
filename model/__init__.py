"""Every order in which payments and refunds can be written, looked at one by one: docs/protocol.md."""
