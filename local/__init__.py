"""The server for a machine without Docker or AWS: `python -m local`."""
