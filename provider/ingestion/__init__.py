"""The way out: records pushed to Pango's Data Ingestion."""
