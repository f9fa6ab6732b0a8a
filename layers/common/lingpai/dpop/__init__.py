"""DPoP (RFC 9449): tokens that are bound to a key of the client, and the proofs of its possession."""
