"""Codes sent to mobile numbers."""
