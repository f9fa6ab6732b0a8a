"""How AWS is called: by `JsonClient`, or by botocore's client (decision 10)."""
