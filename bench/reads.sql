-- Payments of two years, made by SQL alone: $1 of them, one for each cart, the oldest first. Each statement begins with
-- a line that names it.

-- name: fill payment_references
INSERT INTO payment_references (kind, id, next_generation, next_sequence)
SELECT 'cart', 'cart-' || n, 2, 3 FROM generate_series(1, $1::int) AS n

-- name: fill payment_intents
INSERT INTO payment_intents (
  id, reference_kind, reference_id, generation, stripe_id, create_params, requested_terms, applied_terms, revision,
  version, needs_refresh, is_cancel_requested, status, amount, currency, amount_received, amount_capturable,
  amount_refunded, flags, attempt_notifications, closed_at, closed_reason, paid_at, created_at, updated_at,
  last_activity_at
)
SELECT made.id, 'cart', 'cart-' || n, 1, 'pi_' || n, '{}', terms, terms || '{"revision": 1}', 1, 3, false, false, status,
  amount, currency, CASE status WHEN 'succeeded' THEN amount ELSE 0 END, 0, 0, flags, 1,
  CASE status WHEN 'canceled' THEN created_at + interval '1 day' END,
  CASE status WHEN 'canceled' THEN 'abandoned' END,
  CASE status WHEN 'succeeded' THEN created_at + dice % 600 * interval '1 second' END,
  created_at, created_at, created_at
FROM generate_series(1, $1::int) AS n
CROSS JOIN LATERAL (
  SELECT now() - ($1::int - n) * (interval '2 years' / $1::int) AS created_at, abs(hashint4(n)) AS dice
) AS drawn
CROSS JOIN LATERAL (
  SELECT (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7000' || '8000'
      || lpad(to_hex(n), 12, '0'))::uuid AS id,
    CASE WHEN n % 997 = 0 THEN 'processing' WHEN dice % 20 < 4 THEN 'canceled' WHEN dice % 20 = 4
      THEN 'requires_payment_method' ELSE 'succeeded' END AS status,
    100 + dice % 20011 AS amount,
    (ARRAY['chf', 'usd', 'usd', 'usd', 'usd'] || array_fill('eur'::text, ARRAY[45]))[1 + dice % 50] AS currency,
    CASE WHEN n % 500 = 0 THEN '["amount_mismatch"]' WHEN n % 5003 = 0 THEN '["duplicate_payment"]' ELSE '[]' END::jsonb
      AS flags
) AS made
CROSS JOIN LATERAL (
  SELECT jsonb_build_object('amount', amount, 'currency', currency, 'cart_version', 1, 'metadata', '{}'::jsonb,
    'customer', CASE WHEN n % 2 = 0 THEN 'cus_' || n % 500000 END) AS terms
) AS requested

-- name: fill payment_attempts
INSERT INTO payment_attempts (
  id, payment_intent_id, key, charge_id, status, amount, currency, payment_method_type, card_brand, card_last4,
  attempted_at, created_at
)
SELECT gen_random_uuid(), p.id, 'ch_' || substr(p.reference_id, 6), 'ch_' || substr(p.reference_id, 6),
  CASE p.status WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END, p.amount, p.currency, 'card', 'visa',
  lpad((abs(hashtext(p.reference_id)) % 10000)::text, 4, '0'), p.created_at, p.created_at
FROM payment_intents AS p WHERE p.reference_id LIKE 'cart-%'

-- name: fill domain_events
INSERT INTO domain_events (reference_kind, reference_id, sequence, payment_intent_id, type, data, actor, created_at)
SELECT 'cart', p.reference_id, 1, p.id, 'payment.opened', jsonb_build_object('amount', p.amount, 'currency', p.currency,
  'generation', 1), 'client:bench', p.created_at
FROM payment_intents AS p WHERE p.reference_id LIKE 'cart-%'
