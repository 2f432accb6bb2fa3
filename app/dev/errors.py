class DevError(Exception):
    """Something that its reader can put right; the message is one clear line for them."""
