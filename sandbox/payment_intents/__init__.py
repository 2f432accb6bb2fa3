"""PaymentIntents: from their creation to the money."""
