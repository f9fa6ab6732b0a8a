"""Passkeys (WebAuthn level 3): registered by an account, and presented to log in or as a second factor."""
