"""Pango's Data Ingestion API: sending records, and receiving callbacks and webhooks."""
