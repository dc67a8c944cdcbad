"""Showing that a provider and Pango understand each other."""
