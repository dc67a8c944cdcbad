"""What Pango sends to us: the results of pushes, and webhooks."""
