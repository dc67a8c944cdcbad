"""`provider dataset doctor`: whether a dataset fits its table."""
