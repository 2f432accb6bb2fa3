"""The pages that Stripe would host, as plain HTML."""

from collections.abc import Mapping
from html import escape

from sandbox.currencies import shown
from sandbox.store import JsonObject

CHECKOUT_FIELDS = (
    ("email", "Email", "email", "email"),
    ("name", "Name on card", "text", "cc-name"),
    ("number", "Card number", "text", "cc-number"),
)

_STYLE = """
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #f6f8fa; color: #1a1f36;
  font: 16px/1.5 system-ui, sans-serif; }
main { width: min(24em, 90vw); box-sizing: border-box; padding: 28px; background: #fff; border-radius: 12px;
  box-shadow: 0 8px 30px rgb(0 0 0 / 12%); }
h1 { margin: 0 0 8px; font-size: 22px; }
button { display: block; width: 100%; margin-top: 12px; padding: 11px; font: inherit; font-weight: 600; cursor: pointer;
  border: 1px solid #cfd7df; border-radius: 8px; background: #fff; color: inherit; }
button.main { background: #635bff; border-color: #635bff; color: #fff; }
label { display: block; margin-top: 12px; }
input { display: block; width: 100%; box-sizing: border-box; padding: 10px 12px; font: inherit;
  border: 1px solid #cfd7df; border-radius: 6px; }
.row { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.error { color: #b3093c; }
"""


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><style>{_STYLE}</style></head>'
        f"<body><main>{content}</main></body></html>"
    )


def message_page(message: str) -> str:
    return _page("Sandbox", f"<h1>{escape(message)}</h1>")


def completed_page(session: JsonObject) -> str:
    """Return a page that says to the shop's, in which it is a frame, that the session is complete."""
    message = f'{{"type":"sandbox.checkout.complete","session":"{session["id"]}"}}'
    return _page("Sandbox", f"<h1>Thank you.</h1><script>window.parent.postMessage({message}, '*')</script>")


def challenge_page(intent: JsonObject) -> str:
    amount = escape(shown(intent["amount"], intent["currency"]))
    return _page(
        "3D Secure",
        f"<h1>3D Secure</h1><p>{amount} · your bank wants to know that it is you.</p>"
        '<form method="post">'
        '<button class="main" name="outcome" value="succeed">Complete authentication</button>'
        '<button name="outcome" value="fail">Fail authentication</button></form>',
    )


def method_page(intent: JsonObject, title: str, facts: Mapping[str, str], buttons: Mapping[str, str]) -> str:
    """Return the page of a bank, a voucher or a transfer; `buttons` are outcomes and their labels."""
    amount = escape(shown(intent["amount"], intent["currency"]))
    rows = "".join(f"<li>{escape(name)}: <b>{escape(value)}</b></li>" for name, value in facts.items())
    choices = "".join(
        f'<button name="outcome" value="{outcome}"{" class=main" if outcome == "succeed" else ""}>{label}</button>'
        for outcome, label in buttons.items()
    )
    heading = f"<h1>{escape(title)}</h1><p>{amount}</p><ul>{rows}</ul>"
    return _page(title, f'{heading}<form method="post">{choices}</form>')


def checkout_page(session: JsonObject, items: list[JsonObject], error: str | None = None) -> str:
    bought = "".join(
        f"<li>{item['quantity']} &times; {escape(str(item['description'] or 'Item'))}: "
        f"{escape(shown(item['amount_total'], item['currency']))}</li>"
        for item in items
    )
    fields = "".join(
        f'<label>{label}<input name="{name}" type="{kind}" autocomplete="{auto}" required></label>'
        for name, label, kind, auto in CHECKOUT_FIELDS
    )
    total = escape(shown(session["amount_total"], session["currency"]))
    cancel = session["cancel_url"]
    back = f'<p><a href="{escape(cancel, quote=True)}">Back</a></p>' if cancel else ""
    problem = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    return _page(
        "Checkout",
        f"<h1>{total}</h1><ul>{bought}</ul>{problem}"
        f'<form method="post">{fields}<div class="row">'
        '<label>MM / YY<input name="expiry" autocomplete="cc-exp" required></label>'
        '<label>CVC<input name="cvc" autocomplete="cc-csc" required></label></div>'
        f'<button class="main">Pay {total}</button></form>{back}',
    )
