"""Checkout Sessions in payment mode: on a page of Stripe or in the shop's, with a PaymentIntent once one confirms."""
