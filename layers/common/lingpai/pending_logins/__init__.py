"""Logins that are not complete: a code was sent, or a second factor is awaited."""
