"""Events: what happened to accounts, sessions, clients and keys, and by whom."""
