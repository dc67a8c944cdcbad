"""Sending records to Pango, from where they are to Pango's answer."""
