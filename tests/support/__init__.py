"""What the tests share: stores to run on, an API to call, a clock to turn, a log to search."""
