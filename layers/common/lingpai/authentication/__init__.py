"""Authenticating users, login limits, and changes of an account's login methods."""
