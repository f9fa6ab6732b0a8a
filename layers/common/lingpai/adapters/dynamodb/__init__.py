"""The store on DynamoDB; nothing else imports PynamoDB."""

from lingpai.adapters.dynamodb.store import DynamoStore

__all__ = ["DynamoStore"]
