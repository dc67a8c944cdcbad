"""The HTTP edge: thin, one file per group of addresses."""
