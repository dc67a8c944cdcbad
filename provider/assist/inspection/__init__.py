"""What a table holds: its names, a sample of its rows, and what names and values mean."""
