"""Pango's Data Ingestion API as a client sees it: tokens, requests, rate limits."""
