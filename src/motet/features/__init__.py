"""From columns to vectors: items, events, users, requests."""
