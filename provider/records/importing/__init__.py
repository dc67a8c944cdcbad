"""Importing: files of records, in the many ways people write them, into the entities' own tables."""
