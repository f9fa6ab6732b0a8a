"""Clients: records, authentication, epochs."""
