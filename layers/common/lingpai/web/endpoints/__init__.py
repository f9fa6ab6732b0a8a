"""The endpoints of the contract, by group: each a function from services and request to a reply."""
