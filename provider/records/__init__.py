"""The records in the service's own tables: imported from files, and reported or erased for one person."""
