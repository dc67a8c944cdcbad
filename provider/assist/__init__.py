"""Help for whoever writes a dataset: looking at tables, examining a dataset, writing its file."""
