"""The simulator: a stand-in for PangoCDP that runs on the developer's machine, in both directions."""
