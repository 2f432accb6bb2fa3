"""Tools for whoever changes the sandbox; the sandbox itself uses none of them."""
