"""What is counted, for Prometheus; each process counts what it did itself."""

import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

log = structlog.get_logger()

WEBHOOKS = Counter("payments_webhook_events", "Events of Stripe's by what became of them.", ["outcome"])

# Anything above zero was missed by the webhooks: look why.
REPAIRS = Counter("payments_repairs", "What was found here unlike at Stripe, by kind.", ["kind"])

# What none but the hourly look at all of Stripe's events found: an endpoint is disabled, or lacks types.
MISSED = Counter("payments_webhook_events_missed", "Events that Stripe sent to no endpoint of ours.")

# Silence: since when this process has had no event that is proved to be Stripe's.
LAST_EVENT = Gauge("payments_webhook_last_event_timestamp_seconds", "When Stripe last sent an event.")

# By `ok`, `refused` (Stripe's own "no") and `unavailable` (no answer, or none that can be used); with all repeats.
STRIPE_CALLS = Histogram("payments_stripe_call_seconds", "How long calls to Stripe took.", ["outcome"])
# More than some seconds: a transaction somewhere on the server stays open, and nobody can read what came after it.
FEED_LAG = Gauge("payments_feed_lag_seconds", "How long the oldest event waits until it can be read.")

DELIVERIES = Counter("payments_notification_requests", "Requests to notification endpoints, by outcome.", ["outcome"])
ENDPOINTS_DISABLED = Counter("payments_notification_endpoints_disabled", "Endpoints disabled, by reason.", ["reason"])
OLDEST_DELIVERY = Gauge("payments_notification_oldest_pending_seconds", "How long the oldest notification waits.")

PROBLEMS = Counter(
    "payments_problems", "Answers that were problems, by the route and the problem's code.", ["route", "code"]
)


def serve(host: str, port: int) -> None:
    """Show what was counted on a port of its own, which the internet must not reach; on 0 nowhere."""
    if not port:
        return
    try:
        start_http_server(port, host)
    except OSError as error:  # another process of this machine has it: no reason not to take payments
        log.warning(
            "metrics.not_served", port=port, why=error.strerror, remedy="Set METRICS_PORT to a free port, or 0."
        )
