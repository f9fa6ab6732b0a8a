"""Accounts: users, profiles, identities, roles."""
