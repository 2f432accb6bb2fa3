"""All tables in one place, for migrations: importing it imports every model."""

from app.attempts import models as attempts
from app.auth import models as auth
from app.console import models as console
from app.db.base import Base
from app.disputes import models as disputes
from app.domain_events import models as events
from app.figures import models as figures
from app.notifications import models as notifications
from app.payment_intents import models as payment_intents
from app.reconcile import models as reconcile
from app.references import models as references
from app.refunds import models as refunds
from app.stripe_account import models as stripe_account
from app.webhooks import models as webhooks

MODELS = (
    *(
        attempts,
        auth,
        console,
        disputes,
        events,
        figures,
        notifications,
        payment_intents,
        reconcile,
        references,
        refunds,
        stripe_account,
        webhooks,
    ),
)

metadata = Base.metadata
