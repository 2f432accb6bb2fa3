"""Checkout Sessions: the other channel to pay what a cart or session owes, on a page of Stripe's or of the shop's."""
