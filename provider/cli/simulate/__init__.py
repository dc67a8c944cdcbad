"""`provider simulate`: a simulated PangoCDP on this machine."""
