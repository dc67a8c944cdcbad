"""`provider simulate`: a pretend PangoCDP on this machine."""
