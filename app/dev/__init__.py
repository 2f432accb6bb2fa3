"""Everything on one machine, for development: PostgreSQL, the Stripe sandbox, API, worker and shop."""
