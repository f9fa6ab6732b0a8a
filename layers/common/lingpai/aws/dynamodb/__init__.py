"""How items of DynamoDB are written, read and changed: what any table needs, and no feature."""
