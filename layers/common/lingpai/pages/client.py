"""The client that people use at the hosted pages themselves: limits count what they do for it."""

from lingpai.clients.service import PAGES, new_client

# Public, and without any grant: no token is ever issued to it.
CLIENT = new_client(PAGES, "standard", grants=(), scopes=())
