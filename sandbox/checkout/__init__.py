"""Checkout Sessions in payment mode: a page that Stripe hosts, and a PaymentIntent only when the shopper confirms."""
