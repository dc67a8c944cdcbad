"""`provider push`: records out to Pango, and what became of them."""
