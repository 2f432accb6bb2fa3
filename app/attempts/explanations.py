"""Explain to support why an attempt failed: what happened, and what the shopper can do.

Stripe's codes: docs.stripe.com/declines/codes and docs.stripe.com/error-codes. These sentences are for staff only: a
shopper is never told that a bank suspects fraud (Stripe: "don't report more detailed information").
"""

AGAIN_OR_BANK = "Trying again may help; else the shopper should ask their bank."
NEW_CARD = "The shopper should pay with another card or method."
CALL_BANK = "The shopper should ask their bank, or pay with another card."

EXPLANATIONS = {
    "approve_with_id": f"The bank could not authorise the payment. {AGAIN_OR_BANK}",
    "authentication_required": "The bank wants 3D Secure. The shopper should pay again and confirm it with their bank.",
    "card_declined": f"The bank declined the card and gave no reason. {CALL_BANK}",
    "card_not_supported": f"The card does not allow this kind of purchase. {CALL_BANK}",
    "card_velocity_exceeded": f"The card's limit of amount or number of payments is used up. {CALL_BANK}",
    "currency_not_supported": f"The card does not allow this currency. {CALL_BANK}",
    "do_not_honor": f"The bank declined the card and gave no reason. {CALL_BANK}",
    "duplicate_transaction": "The same amount was paid with this card a moment ago. Look whether the cart is paid.",
    "expired_card": f"The card has expired. {NEW_CARD}",
    "fraudulent": f"Stripe suspects fraud. Tell the shopper only that the card was declined. {NEW_CARD}",
    "generic_decline": f"The bank declined the card and gave no reason. {CALL_BANK}",
    "highest_risk_level": "Stripe's Radar blocked it as too risky. Tell the shopper only that it was declined.",
    "incorrect_cvc": "The security code is wrong. The shopper should enter it again.",
    "incorrect_number": "The card number is wrong. The shopper should enter it again.",
    "incorrect_zip": "The postal code does not fit the card. The shopper should enter it again.",
    "insufficient_funds": f"There is not enough money on the card. {NEW_CARD}",
    "invalid_account": f"The card or its account is not valid. {CALL_BANK}",
    "invalid_amount": f"The amount is not allowed, or exceeds what the bank allows. {CALL_BANK}",
    "invalid_cvc": "The security code is wrong. The shopper should enter it again.",
    "invalid_expiry_month": "The month of expiry is wrong. The shopper should enter it again.",
    "invalid_expiry_year": "The year of expiry is wrong. The shopper should enter it again.",
    "invalid_number": "The card number is wrong. The shopper should enter it again.",
    "issuer_not_available": "The bank could not be reached. The shopper should try again in a while.",
    "lost_card": f"The card was reported lost. Tell the shopper only that it was declined. {NEW_CARD}",
    "new_account_information_available": f"The card or its account is not valid. {CALL_BANK}",
    "no_action_taken": f"The bank declined the card and gave no reason. {CALL_BANK}",
    "not_permitted": f"The bank does not permit this payment. {CALL_BANK}",
    "payment_intent_authentication_failure": "3D Secure failed. The shopper should try again or take another card.",
    "payment_intent_payment_attempt_expired": "The shopper did not finish the payment in time. They should try again.",
    "payment_method_invalid": f"The account or payment method does not exist. {NEW_CARD}",
    "pickup_card": f"The card may not be used: it may be reported lost or stolen. {CALL_BANK}",
    "processing_error": "Something went wrong at the card's network. The shopper should try again in a while.",
    "reenter_transaction": f"The bank could not handle the payment. {AGAIN_OR_BANK}",
    "restricted_card": f"The card may not be used: it may be reported lost or stolen. {CALL_BANK}",
    "stolen_card": f"The card was reported stolen. Tell the shopper only that it was declined. {NEW_CARD}",
    "test_mode_live_card": "A real card was used in test mode.",
    "testmode_decline": "A test card was used.",
    "transaction_not_allowed": f"The bank does not permit this payment. {CALL_BANK}",
    "try_again_later": "The bank declined the card for now. The shopper should try again in a while.",
    "withdrawal_count_limit_exceeded": f"The card's limit is used up. {NEW_CARD}",
}


OTHER_WAY = "The shopper should pay another way."

# Of a bank debit, a redirect, a voucher or a transfer. Codes: docs.stripe.com/error-codes.
OF_OTHER_METHODS = {
    "account_closed": f"The bank account is closed. {OTHER_WAY}",
    "bank_account_restricted": f"The bank account can't be used for this. {OTHER_WAY}",
    "bank_account_unusable": f"The bank account can't be used for this. {OTHER_WAY}",
    "charge_exceeds_source_limit": f"The limit for payments from this bank account is used up. {OTHER_WAY}",
    "charge_exceeds_transaction_limit": f"The amount is more than this method allows. {OTHER_WAY}",
    "debit_not_authorized": f"The account's holder did not allow the debit, or took it back. {OTHER_WAY}",
    "insufficient_funds": f"There was not enough money on the bank account. {OTHER_WAY}",
    "invalid_account_number": f"The bank account does not exist. {OTHER_WAY}",
    "no_account": f"The bank account does not exist. {OTHER_WAY}",
    "payment_intent_authentication_failure": "The shopper did not allow the payment at their bank or provider, or "
    "broke it off. They should try again, or pay another way.",
    "payment_intent_payment_attempt_expired": "The shopper did not pay in time: a voucher, or the time for a bank's "
    "page, has run out. They should try again.",
    "payment_method_customer_decline": "The shopper declined the payment. They may try again.",
    "payment_method_microdeposit_failed": f"The small amounts that Stripe sends first did not arrive. {OTHER_WAY}",
    "payment_method_microdeposit_verification_attempts_exceeded": "The amounts of the micro-deposits were wrong too "
    f"often. {OTHER_WAY}",
    "payment_method_microdeposit_verification_timeout": "The amounts of the micro-deposits were not named in ten days. "
    f"{OTHER_WAY}",
    "payment_method_provider_decline": f"The provider of the payment method declined it. {OTHER_WAY}",
    "payment_method_provider_timeout": "The provider of the payment method did not answer. The shopper may try again.",
    "refer_to_customer": f"The account's holder stopped the debit. {OTHER_WAY}",
}


def explain(failure_code: str | None, decline_code: str | None, method: str | None = None) -> str | None:
    """Return why an attempt failed, None if it did not. The bank's own reason is preferred to Stripe's code.

    `method` is Stripe's word for the kind of payment method; None is taken for a card.
    """
    if failure_code is None and decline_code is None:
        return None
    codes = (decline_code or "", failure_code or "")
    if method not in (None, "card", "card_present"):
        known = next((OF_OTHER_METHODS[code] for code in codes if code in OF_OTHER_METHODS), None)
        return known or f"The payment failed with `{decline_code or failure_code}`. {OTHER_WAY}"
    known = next((EXPLANATIONS[code] for code in codes if code in EXPLANATIONS), None)
    return known or f"The payment failed with `{decline_code or failure_code}`. {CALL_BANK}"
