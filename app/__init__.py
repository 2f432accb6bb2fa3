"""Exactly one Stripe PaymentIntent for each cart or customer session, and the history of every attempt."""

__version__ = "0.1.0"
