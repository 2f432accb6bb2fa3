"""The types of payment methods, and how each pays."""
