"""Importing: reads files of records, converts their values and stores them in the tables of the entities."""
