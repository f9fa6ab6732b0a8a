"""What the ports are in the world: DynamoDB, memory, secrets, senders of messages, third parties."""
