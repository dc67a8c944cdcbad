"""`provider client`: who may call, and with which keys."""
