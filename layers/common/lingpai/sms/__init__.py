"""Text messages: budgets, notices, senders."""
