"""How one reference's PaymentIntents are written, as values: state in, new state and next call out.

No I/O, no clock, no random key, and nothing but the standard library: `model/` explores these very functions. Whoever
changes them changes docs/protocol.md too.

- `terms`     what a payment owes, and the form parameters that say so to Stripe
- `state`     one reference with its PaymentIntents
- `steps`     what a run may do next, and how a call to Stripe may end
- `commands`  what callers, jobs and commands of ours ask for
- `decide`    which step is next
- `record`    how what Stripe says changes the state
- `reply`     whether that is what a PUT asked for
- `attach`    how a session's PaymentIntent becomes a cart's
"""
