-- What the first release stored of $1 payments: every fourth is an open cart, the others are paid or cancelled. Each
-- statement begins with a line that names it.

-- name: payment_references
INSERT INTO payment_references (kind, id, next_generation, next_sequence)
SELECT 'cart', 'cart-' || n, 2, 2 FROM generate_series(1, $1::int) AS n

-- name: payment_intents
INSERT INTO payment_intents (
  id, reference_kind, reference_id, generation, stripe_id, opening, requested, revision, applied, version, needs_sync,
  is_closing, status, amount, currency, amount_received, amount_capturable, amount_refunded, flags, closed_at,
  closed_reason
)
SELECT md5('payment-' || n)::uuid, 'cart', 'cart-' || n, 1, 'pi_' || n, terms, terms, 1, terms, 3, false, false,
  CASE n % 4 WHEN 0 THEN 'requires_payment_method' WHEN 1 THEN 'canceled' ELSE 'succeeded' END, 1000, 'eur',
  CASE WHEN n % 4 > 1 THEN 1000 ELSE 0 END, 0, 0, '[]', CASE n % 4 WHEN 1 THEN now() END,
  CASE n % 4 WHEN 1 THEN 'abandoned' END
FROM generate_series(1, $1::int) AS n
CROSS JOIN (SELECT '{"amount": 1000, "currency": "eur"}'::jsonb AS terms) AS requested

-- name: payment_attempts
INSERT INTO payment_attempts (id, payment_intent_id, key, status, amount, currency, attempted_at)
SELECT md5('attempt-' || n)::uuid, md5('payment-' || n)::uuid, 'ch_' || n, 'failed', 1000, 'eur', now()
FROM generate_series(1, $1::int) AS n

-- name: events
INSERT INTO events (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor)
SELECT 'cart', 'cart-' || n, 1, md5('payment-' || n)::uuid, 'payment_intent.created', '{}', 'shop'
FROM generate_series(1, $1::int) AS n

-- name: webhook_events
INSERT INTO webhook_events (id, type, created, outcome)
SELECT 'evt_' || n, 'payment_intent.created', now(), 'recorded' FROM generate_series(1, $1::int) AS n
