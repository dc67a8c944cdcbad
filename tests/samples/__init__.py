"""The three sample datasets, and none that a partner has put beside them."""
