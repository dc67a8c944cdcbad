"""Pango's contract as pure code: no Flask, no database."""
