"""Opens and queries databases, the service's own and the partner's."""
