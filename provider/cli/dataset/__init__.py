"""`provider dataset`: what is served, a new file, and the examination of datasets."""
