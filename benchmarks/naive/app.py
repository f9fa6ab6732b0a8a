"""The handler that one writes with these libraries at hand: PynamoDB, boto3, Powertools' validating resolver, PyJWT.

It does what a request for a machine token does: read the client, check its secret, put a session, log a line and count.
As usual all imports and clients stand at the top, those of the function's other routes too: passwords, phone numbers,
signed tokens with their keys in KMS, a secret in Secrets Manager.
"""

import base64
import hashlib
import hmac
import os
import secrets
import time
from typing import Annotated, Any

import argon2
import boto3
import jwt
import phonenumbers
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.exceptions import UnauthorizedError
from aws_lambda_powertools.event_handler.openapi.params import Form
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import BaseModel
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

logger = Logger()
metrics = Metrics(namespace="Naive")
app = APIGatewayHttpResolver(enable_validation=True)
kms = boto3.client("kms")
secrets_manager = boto3.client("secretsmanager")
hasher = argon2.PasswordHasher()
USED_BY_OTHER_ROUTES = (jwt.encode, kms.decrypt, phonenumbers.parse, hasher.verify, secrets_manager.get_secret_value)


class Client(Model):
    """A client's record."""

    class Meta:
        """See PynamoDB."""

        table_name = os.environ["CLIENTS_TABLE"]

    client_id = UnicodeAttribute(hash_key=True)
    secret_hash = BinaryAttribute(legacy_encoding=False)


class Session(Model):
    """A session, as it is kept."""

    class Meta:
        """See PynamoDB."""

        table_name = os.environ["SESSIONS_TABLE"]

    owner = NumberAttribute(hash_key=True)
    id = BinaryAttribute(range_key=True, legacy_encoding=False)
    client_id = UnicodeAttribute()
    access_hash = BinaryAttribute(legacy_encoding=False)
    ttl = NumberAttribute()


class Token(BaseModel):
    """The answer of RFC 6749 section 5.1."""

    access_token: str
    token_type: str
    expires_in: int


@app.post("/oauth/token")
def token(grant_type: Annotated[str, Form()]) -> Token:
    """Issue a token by client credentials."""
    header = app.current_event.headers["authorization"]
    client_id, _, secret = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
    client = Client.get(client_id)
    if not hmac.compare_digest(client.secret_hash, hashlib.sha256(secret.encode()).digest()):
        raise UnauthorizedError("invalid_client")
    issued = secrets.token_urlsafe(32)
    Session(
        owner=secrets.randbits(53),
        id=secrets.token_bytes(16),
        client_id=client_id,
        access_hash=hashlib.sha256(issued.encode()).digest(),
        ttl=int(time.time()) + 3600,
    ).save()
    metrics.add_metric("TokensIssued", MetricUnit.Count, 1)
    logger.info("issued", extra={"client_id": client_id, "grant": grant_type})
    return Token(access_token=issued, token_type="Bearer", expires_in=3600)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda handler."""
    return app.resolve(event, context)
