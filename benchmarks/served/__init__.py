"""The datasets package of the benchmark."""
