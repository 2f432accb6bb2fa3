-- All that the benchmarks know of the service's tables: each statement begins with a line that names it.
--
-- The clone statements copy one cart that went through the API: so they need not know how a row looks. {columns}
-- stands for all columns of the table that the statement does not set. $1 is the new carts' prefix, $2 the cart
-- that is copied, $3 and $4 the first and the last number.

-- name: clone payment_references
INSERT INTO payment_references (id, {columns})
SELECT $1 || '-' || n, {columns}
FROM payment_references, generate_series($3::int, $4::int) AS n
WHERE kind = 'cart' AND id = $2

-- name: clone payment_intents
INSERT INTO payment_intents (id, reference_id, stripe_id, {columns})
SELECT md5($1 || '-' || n)::uuid, $1 || '-' || n, 'pi_' || $1 || '-' || n, {columns}
FROM payment_intents, generate_series($3::int, $4::int) AS n
WHERE reference_kind = 'cart' AND reference_id = $2

-- name: clone payment_attempts
INSERT INTO payment_attempts (id, payment_intent_id, key, charge_id, {columns})
SELECT md5(key || $1 || '-' || n)::uuid, md5($1 || '-' || n)::uuid, key || '-' || $1 || '-' || n,
  charge_id || '-' || $1 || '-' || n, {columns}
FROM payment_attempts, generate_series($3::int, $4::int) AS n
WHERE payment_intent_id = (SELECT id FROM payment_intents WHERE reference_kind = 'cart' AND reference_id = $2)

-- name: clone domain_events
INSERT INTO domain_events (reference_id, payment_intent_id, {columns})
SELECT $1 || '-' || n, md5($1 || '-' || n)::uuid, {columns}
FROM domain_events, generate_series($3::int, $4::int) AS n
WHERE reference_kind = 'cart' AND reference_id = $2

-- name: clone webhook_events
INSERT INTO webhook_events (id, object_id, {columns})
SELECT id || '-' || $1 || '-' || n, object_id || '-' || $1 || '-' || n, {columns}
FROM webhook_events, generate_series($3::int, $4::int) AS n
WHERE object_id = (SELECT stripe_id FROM payment_intents WHERE reference_kind = 'cart' AND reference_id = $2)
  OR object_id IN (
    SELECT charge_id FROM payment_attempts
    JOIN payment_intents ON payment_intents.id = payment_attempts.payment_intent_id
    WHERE reference_kind = 'cart' AND reference_id = $2
  )

-- name: payment intent of a cart
SELECT id, stripe_id FROM payment_intents WHERE reference_kind = 'cart' AND reference_id = $1

-- name: our payment intents
SELECT stripe_id, status, amount_received FROM payment_intents

-- name: our attempts
SELECT charge_id, status FROM payment_attempts

-- name: our attempts' events
SELECT payment_intent_id FROM domain_events WHERE type LIKE 'payment_attempt.%'

-- name: our webhook events
SELECT id FROM webhook_events

-- name: references whose events have a gap
SELECT reference_id FROM domain_events GROUP BY reference_kind, reference_id HAVING max(sequence) <> count(*)
