"""A tiny shop that takes payments through the service: a backend that holds the API key, and one checkout page.

The browser talks to this backend and to Stripe.js, never to the payments API:

    page ──quantities──▶ this backend ──amount──▶ payments API ──▶ Stripe
      └────── card details and client secret ──▶ Stripe.js ──────────┘
"""
