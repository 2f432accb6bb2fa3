"""Webhooks: who wants which events, and how they are brought there."""
