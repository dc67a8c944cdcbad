"""Requests of people about their data: to see it, to have it erased, to be served no more."""
