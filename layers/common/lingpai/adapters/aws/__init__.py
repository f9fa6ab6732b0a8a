"""How AWS is asked: by botocore's client, or by a bare one that does what Lingpai needs of it (decision 10)."""
