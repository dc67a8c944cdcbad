"""What a table holds: a sample of its rows, and what its columns' names and values mean."""
