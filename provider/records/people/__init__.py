"""What people may ask of whoever holds their data: to see it, to have it erased, not to be served any more."""
