class DevError(Exception):
    """A problem that the reader can correct. The message is one line that says how."""
