"""The naive habit, to compare with: boto3's resources, the tracer, the validating resolver, all of it at the top.

It does what a request for a machine token does: read the client, check its secret, put a session, log a line.
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
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Form
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import BaseModel

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="Naive")
app = APIGatewayHttpResolver(enable_validation=True)
dynamodb = boto3.resource("dynamodb")
clients = dynamodb.Table(os.environ["CLIENTS_TABLE"])
sessions = dynamodb.Table(os.environ["SESSIONS_TABLE"])
hasher = argon2.PasswordHasher()
USED_BY_OTHER_ROUTES = (jwt.encode, phonenumbers.parse, hasher.verify)


class Token(BaseModel):
    """The answer of RFC 6749 section 5.1."""

    access_token: str
    token_type: str
    expires_in: int


@app.post("/oauth/token")
@tracer.capture_method
def token(grant_type: Annotated[str, Form()]) -> Response[Token]:
    """Issue a token by client credentials."""
    header = app.current_event.headers["authorization"]
    client_id, _, secret = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
    client: Any = clients.get_item(Key={"client_id": client_id})["Item"]
    if not hmac.compare_digest(client["secret_hash"].value, hashlib.sha256(secret.encode()).digest()):
        return Response(401, body=None)
    issued = secrets.token_urlsafe(32)
    sessions.put_item(
        Item={
            "owner": secrets.randbits(53),
            "id": secrets.token_bytes(16),
            "client_id": client_id,
            "access_hash": hashlib.sha256(issued.encode()).digest(),
            "ttl": int(time.time()) + 3600,
        }
    )
    metrics.add_metric("TokensIssued", MetricUnit.Count, 1)
    logger.info("issued", extra={"client_id": client_id, "grant": grant_type})
    return Response(200, body=Token(access_token=issued, token_type="Bearer", expires_in=3600))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda handler."""
    return app.resolve(event, context)
