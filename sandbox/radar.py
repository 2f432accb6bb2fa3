"""Early fraud warnings: the card network suspects a payment that was captured; a dispute may follow."""

from sandbox.account import Account
from sandbox.events import emit

WARNING = "radar.early_fraud_warning"


def warn_of_fraud(account: Account, charge_id: str) -> None:
    charge = account.get("charge", charge_id)
    if charge is None:
        return
    warning = account.add(
        {
            "id": account.ids.new("issfr"),
            "object": WARNING,
            "actionable": not (charge["disputed"] or charge["refunded"]),
            "charge": charge["id"],
            "created": account.clock.timestamp(),
            "fraud_type": "misc",
            "livemode": False,
            "payment_intent": charge["payment_intent"],
        }
    )
    emit(account, f"{WARNING}.created", warning)


def resolve(account: Account, charge_id: str) -> None:
    """Record that nothing can be done about a warning any more: the Charge is refunded in full, or disputed."""
    for warning in account.store.where(WARNING, "charge", charge_id):
        if warning["actionable"]:
            changed = account.change(warning, actionable=False)
            emit(account, f"{WARNING}.updated", changed, {"actionable": True})
