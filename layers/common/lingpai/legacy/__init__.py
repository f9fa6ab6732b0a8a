"""The wire formats of four existing user centres, and the routes that only they have."""
