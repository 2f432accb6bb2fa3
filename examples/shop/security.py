"""The security headers of every answer: the page may reach only this shop, the payments API and Stripe."""

from urllib.parse import urlsplit

REAL_STRIPE_JS = "https://js.stripe.com"
# What Stripe's security guide requires. Stripe's elements use inline styles, which need 'unsafe-inline'.
REAL_STRIPE = {
    "script-src": "https://js.stripe.com https://*.js.stripe.com",
    "connect-src": "https://api.stripe.com",
    "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    "style-src": "'unsafe-inline'",
}


def security_headers(stripe_js_url: str, payments_api_url: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": _content_security_policy(stripe_js_url, payments_api_url),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",  # a cart's address is its key: Stripe sees the origin
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _content_security_policy(stripe_js_url: str, payments_api_url: str) -> str:
    origin = _origin(stripe_js_url)
    stripe = REAL_STRIPE if origin == REAL_STRIPE_JS else {"script-src": origin, "connect-src": origin}
    ours = {"default-src": "'none'"} | dict.fromkeys(("script-src", "connect-src", "style-src", "img-src"), "'self'")
    ours["connect-src"] += f" {_origin(payments_api_url)}"  # where the page confirms, with a checkout token
    closed = dict.fromkeys(("base-uri", "form-action", "frame-ancestors"), "'none'")
    sources = {name: f"{ours.get(name, '')} {stripe.get(name, '')}".strip() for name in {**ours, **stripe}}
    return "; ".join(f"{name} {source}" for name, source in (sources | closed).items())
