"""What a shopper's browser loads: the script that stands in for Stripe.js, and the pages that Stripe would host."""
