"""Tools that show whether a provider and Pango work together."""
