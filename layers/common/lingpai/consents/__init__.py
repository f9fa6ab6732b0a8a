"""Consents: what users let clients of others know and do."""
