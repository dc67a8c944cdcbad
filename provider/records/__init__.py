"""The service's own tables of entities: filled from files, and what people may ask about them."""
