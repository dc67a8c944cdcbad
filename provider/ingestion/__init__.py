"""The way out to Pango, and what comes back: results of pushes, and webhooks."""
