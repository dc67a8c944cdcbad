"""Pushes: records are read from a source, stored in the outbox, and sent to Pango."""
