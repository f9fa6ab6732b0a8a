"""Import and export of accounts. Files are read and written as streams, so their size does not matter."""
