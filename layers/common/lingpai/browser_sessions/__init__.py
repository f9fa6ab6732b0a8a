"""Logins of browsers at the hosted pages: one cookie, one item."""
