"""A tiny shop that takes payments through the service: a backend that holds the API key, and one checkout page.

The browser talks to this backend and to Stripe.js, and to the payments API only to have it confirm:

    page ──quantities──▶ this backend ──amount──▶ payments API ──▶ Stripe
      └────── what is typed, and the client secret ──▶ Stripe.js ────┘

`/?with=…` names the way to pay, of those in `static/ways.js`.
"""
