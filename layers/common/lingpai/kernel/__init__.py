"""Modules that every package may import: errors, texts, time, and common value types."""
