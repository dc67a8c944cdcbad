"""Opening and asking databases, the service's own and the partner's."""
