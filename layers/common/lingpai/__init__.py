"""Lingpai: a user centre and OAuth 2.0 token service on AWS Lambda and DynamoDB."""
