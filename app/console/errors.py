"""Why a page of the console is not shown, or an action not done."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from app.errors import Conflict, Forbidden, InvalidRequest, PaymentsError, Unavailable


class SignInRequired(PaymentsError):
    """Sign in first: you have not yet, or your session has ended."""

    status, code, title = HTTPStatus.UNAUTHORIZED, "sign_in_required", "Sign in first"


class RoleRequired(Forbidden):
    """Your role does not allow this; ask whoever gives out the roles."""

    code, title = "role_required", "Not allowed"
    headers: Mapping[str, str] = {}
    extension_types: ClassVar[Mapping[str, Any]] = {}


class FormExpired(Forbidden):
    """This form is not one of yours, or you have signed in again since. Load the page again; nothing was done."""

    code, title = "form_expired", "Load the page again"
    headers: Mapping[str, str] = {}
    extension_types: ClassVar[Mapping[str, Any]] = {}


class MalformedForm(InvalidRequest):
    """The form is not filled in as it must be; nothing was done."""

    code, title = "malformed_form", "Not filled in right"


class SignInFailed(InvalidRequest):
    """Signing in did not work. Begin again; if that does not help, ask whoever runs this service."""

    code, title = "sign_in_failed", "Not signed in"


class ProviderUnavailable(Unavailable):
    """The sign-in service does not answer just now. Try again in a moment."""

    code, title = "provider_unavailable", "Sign-in is not available"


class NoRole(Forbidden):
    """You are known, but none of your groups has a role here; ask whoever gives out the groups."""

    code, title = "no_role", "No access"
    headers: Mapping[str, str] = {}
    extension_types: ClassVar[Mapping[str, Any]] = {}


class RefundLimitExceeded(Conflict):
    """This is more than you may refund; an operator may do it. Nothing was done."""

    code, title = "refund_limit_exceeded", "Above your limit"


class ActionFailed(Conflict):
    """This form was sent before, and nothing was done. Fill in a new one."""

    code, title = "action_failed", "Not done"


class ActionChanged(Conflict):
    """This form was sent before with other values. Load the page again; this time nothing was done."""

    code, title = "action_changed", "Already sent"
