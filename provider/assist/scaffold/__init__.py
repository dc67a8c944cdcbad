"""`provider dataset new`: the file of a dataset for a table that exists."""
