"""Who somebody is, and how that was proven."""
