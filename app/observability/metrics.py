"""What is counted, for `/metrics`; each process counts what it did itself."""

from prometheus_client import Counter

WEBHOOKS = Counter("payments_webhook_events", "Events of Stripe's by what became of them.", ["outcome"])

# Anything above zero was missed by the webhooks: look why.
REPAIRS = Counter("payments_repairs", "What was found here unlike at Stripe, by kind.", ["kind"])

PROBLEMS = Counter(
    "payments_problems", "Answers that were problems, by the route and the problem's code.", ["route", "code"]
)
