"""Passwords: hashing, the filter of common ones, hashes that other systems made."""
