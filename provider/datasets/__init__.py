"""Your datasets: one file here is one dataset. The three that are here show how, on sample data."""
