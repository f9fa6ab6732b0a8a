"""SMS senders, and the chain that tries one after the other."""
