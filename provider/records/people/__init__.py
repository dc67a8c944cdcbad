"""What a person may demand: a report of their data, its erasure, and that no lookup finds them."""
