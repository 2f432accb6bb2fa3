"""How what Stripe says of disputes changes a PaymentIntent.

A closed dispute is taken at once. Any other status that differs from ours may be old or an appeal: a job asks Stripe,
and its answer counts if nothing moved here meanwhile.
"""

from uuid import UUID

from app.disputes import repository
from app.disputes.dispute import CLOSED, Dispute, disputed, lost
from app.disputes.repository import DISPUTES
from app.payment_intents import repository as payment_intents
from app.payment_intents.changes import change_one
from app.payment_intents.protocol.events import DisputeClosed, DisputeOpened, DisputeUpdated, Flag, FraudWarningCreated
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.resources import Resources
from app.stripe_gateway import DisputeSnapshot, FraudWarningSnapshot

DISPUTED: Flag = "disputed"
FRAUD_WARNING: Flag = "fraud_warning"


def record_hint(change: Change, row: PaymentIntentState, snapshot: DisputeSnapshot, known: dict[str, Dispute]) -> None:
    """Record what a webhook shows of a dispute; `known` is kept up."""
    dispute = known.get(snapshot.id)
    if dispute is None or (snapshot.status in CLOSED and not dispute.is_closed):
        _record(change, row, snapshot, known)
    elif dispute.status != snapshot.status:
        change.enqueue("sync_disputes", row)


def record_warning(change: Change, row: PaymentIntentState, warning: FraudWarningSnapshot) -> None:
    """Record that a payment is suspected, once: it has one Charge that was paid, and a Charge has one warning."""
    if FRAUD_WARNING not in row.flags:
        facts = (warning.id, warning.charge_id, warning.fraud_type)
        change.append(row, FraudWarningCreated(*facts, is_actionable=warning.is_actionable))
        change.mark(row, FRAUD_WARNING)


async def sync(resources: Resources, payment_intent_id: UUID) -> int:
    """Ask Stripe for all disputes of a PaymentIntent; return how many were new or had changed. Raises Unavailable."""
    before = await repository.read_of(resources.database, [payment_intent_id])
    stripe_id = (await payment_intents.get(resources.database, payment_intent_id)).stripe_id
    if stripe_id is None:
        return 0
    snapshots = await resources.stripe.list_disputes(stripe_id)

    async def record(change: Change, row: PaymentIntentState) -> int:
        known = await repository.read_of(resources.database, [payment_intent_id])
        if known != before:
            change.enqueue("sync_disputes", row)  # what was listed is older than what is here by now
            return 0
        changed = [each for each in snapshots if each.id not in known or known[each.id].status != each.status]
        for snapshot in changed:
            _record(change, change.state.get(row.id) or row, snapshot, known)
        return len(changed)

    return await change_one(resources, payment_intent_id, Actor("job:sync"), record)


def _record(change: Change, row: PaymentIntentState, snapshot: DisputeSnapshot, known: dict[str, Dispute]) -> None:
    """Record the dispute as it is now, and bring the PaymentIntent's sums to what its disputes say."""
    is_known = snapshot.id in known
    dispute = known[snapshot.id] = Dispute.of(row.id, snapshot, known.get(snapshot.id))
    of_this = [each for each in known.values() if each.payment_intent_id == row.id]
    row = row._replace(amount_disputed=disputed(of_this), amount_lost=lost(of_this))
    change.save(DISPUTES, dispute.stripe_id, repository.row_of(dispute, now=change.now))
    row = change.mark(change.touch(row), DISPUTED)
    fact = DisputeClosed if dispute.is_closed else DisputeUpdated if is_known else DisputeOpened
    price = (dispute.amount, dispute.currency)
    change.append(row, fact(dispute.stripe_id, *price, dispute.status, dispute.reason, dispute.due_by))
