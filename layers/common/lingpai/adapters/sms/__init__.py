"""Senders of text messages, one module each."""
