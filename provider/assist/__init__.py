"""Help for the engineer who writes a dataset: its file, and checks of it on the real database."""
