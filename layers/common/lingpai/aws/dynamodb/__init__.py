"""The store on DynamoDB; nothing else imports PynamoDB."""

from lingpai.aws.dynamodb.store import DynamoStore

__all__ = ["DynamoStore"]
