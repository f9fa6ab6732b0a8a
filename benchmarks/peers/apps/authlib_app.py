# mypy: ignore-errors
# Flask-SQLAlchemy, which these models are made with, is in the peer's environment alone.
"""An Authlib server on Flask, with SQLAlchemy on SQLite, as https://docs.authlib.org/en/latest/flask/2/ sets it up.

`PEER_VARIANT`: `opaque` for the tokens by default, which are kept; `es256` or `rs256` for JWTs (RFC 9068) that are not,
since the documentation says of them that they need not be.
"""

import os
import sqlite3
import time
import uuid

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_query_token_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from joserfc.jwk import ECKey, RSAKey

from benchmarks.peers.apps import CLIENTS, folder, secret, variant, versions
from benchmarks.peers.worker import wsgi_app
from benchmarks.peers.workloads import OPAQUE, REFRESH, Calls

# It takes no request over plain HTTP without this, as its documentation says.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

db = SQLAlchemy()


class User(db.Model):
    """Whose tokens are refreshed."""

    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(40), unique=True)

    def get_user_id(self):
        """What Authlib asks of a user."""
        return self.id


class OAuth2Client(db.Model, OAuth2ClientMixin):
    """A client: its secret is kept in the clear, as the mixin has it."""

    __tablename__ = "oauth2_client"

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id", ondelete="CASCADE"))
    user = db.relationship("User")


class OAuth2Token(db.Model, OAuth2TokenMixin):
    """A token: kept in the clear, as the mixin has it."""

    __tablename__ = "oauth2_token"

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id", ondelete="CASCADE"))
    user = db.relationship("User")

    def is_refresh_token_active(self):
        """Whether it can still be refreshed."""
        return not self.is_revoked() and self.issued_at + self.expires_in * 2 >= time.time()


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """With rotation, which is off without the first line."""

    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def authenticate_refresh_token(self, refresh_token):
        """The row of the token, if it is good."""
        token = OAuth2Token.query.filter_by(refresh_token=refresh_token).first()
        return token if token and token.is_refresh_token_active() else None

    def authenticate_user(self, refresh_token):
        """Whose it is."""
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        """It was used: neither it nor the access token beside it is good any more."""
        now = int(time.time())
        refresh_token.access_token_revoked_at = now
        refresh_token.refresh_token_revoked_at = now
        db.session.add(refresh_token)
        db.session.commit()


class Introspection(IntrospectionEndpoint):
    """RFC 7662."""

    def query_token(self, token_string, token_type_hint):
        """The row of the token."""
        return create_query_token_func(db.session, OAuth2Token)(token_string, token_type_hint)

    def introspect_token(self, token):
        """What is told of it."""
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": token.token_type,
            "scope": token.get_scope(),
            "sub": token.client_id,
            "exp": token.issued_at + token.expires_in,
            "iat": token.issued_at,
        }

    def check_permission(self, token, client, request):  # noqa: ARG002  its signature is Authlib's
        """Any client that has proven itself may ask."""
        return True


class JwtTokens(JWTBearerTokenGenerator):
    """JWTs (RFC 9068) by a key that is read once."""

    def __init__(self, algorithm):
        super().__init__("https://login.example.com", alg=algorithm)
        self.key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)

    def get_jwks(self):
        """What signs."""
        return self.key


def create_app():
    """The application, for the variant that the environment names."""
    app = Flask("authlib_app")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder() / 'db.sqlite'}"
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    db.init_app(app)
    signed = variant() != OPAQUE
    server = AuthorizationServer(
        query_client=create_query_client_func(db.session, OAuth2Client),
        save_token=(lambda _token, _request: None) if signed else create_save_token_func(db.session, OAuth2Token),
    )
    server.init_app(app)
    if signed:
        server.register_token_generator("default", JwtTokens(variant().upper()))
    server.register_grant(grants.ClientCredentialsGrant)
    server.register_grant(RefreshTokenGrant)
    server.register_endpoint(Introspection)

    @app.route("/oauth/token", methods=["POST"])
    def issue_token():
        return server.create_token_response()

    @app.route("/oauth/introspect", methods=["POST"])
    def introspect_token():
        return server.create_endpoint_response(Introspection.ENDPOINT_NAME)

    return app


def populate():
    """Make the tables, the user and the clients."""
    with create_app().app_context():
        db.create_all()
        db.session.add(User(username="alice"))
        for client_id in set(CLIENTS.values()):
            client = OAuth2Client(client_id=client_id, client_secret=secret())
            client.set_client_metadata(
                {
                    "grant_types": ["refresh_token" if client_id == CLIENTS[REFRESH] else "client_credentials"],
                    "scope": "read",
                    "token_endpoint_auth_method": "client_secret_basic",
                }
            )
            db.session.add(client)
        db.session.commit()


def open_sessions(count):
    """The refresh tokens of so many new sessions."""
    refresh_tokens = [str(uuid.uuid4()) for _ in range(count)]
    with create_app().app_context():
        user = User.query.filter_by(username="alice").one()
        for refresh_token in refresh_tokens:
            db.session.add(
                OAuth2Token(
                    client_id=CLIENTS[REFRESH],
                    user_id=user.id,
                    token_type="Bearer",
                    access_token=str(uuid.uuid4()),
                    refresh_token=refresh_token,
                    scope="read",
                    expires_in=864000,
                )
            )
        db.session.commit()
    return refresh_tokens


def made_of():
    """See `apps.versions`."""
    return versions("authlib", "flask", "sqlalchemy", "cryptography") | {"sqlite": sqlite3.sqlite_version}


def open_app():
    """See `worker.App`."""
    return wsgi_app(create_app().wsgi_app, Calls("/oauth/token", "/oauth/introspect", CLIENTS, secret()))
