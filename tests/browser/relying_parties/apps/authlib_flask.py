"""A web app that logs people in by Authlib's Flask client: PKCE, refresh, logout."""

import os
from typing import Any

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, jsonify, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = os.environ["CLIENT_SECRET"]
app.config.update(SESSION_COOKIE_NAME="authlib", SERVER_NAME=os.environ["BASE_URL"].partition("//")[2])
oauth = OAuth(app)
lingpai = oauth.register(
    "lingpai",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{os.environ['ISSUER']}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile phone roles", "code_challenge_method": "S256"},
)
# What the tokens are kept in: the session's cookie would be too small, and is no place for them.
tokens: dict[str, Any] = {}


@app.get("/")
def home() -> Any:
    if "state" in request.args:
        lingpai.validate_logout_response()
    return jsonify(claims=session.get("claims"))


@app.get("/login")
def login() -> Any:
    return lingpai.authorize_redirect(url_for("callback", _external=True), **request.args)


@app.get("/callback")
def callback() -> Any:
    token = lingpai.authorize_access_token()
    session["claims"] = token["userinfo"]
    tokens[session["claims"]["sub"]] = token
    return redirect("/")


@app.get("/userinfo")
def userinfo() -> Any:
    return jsonify(lingpai.userinfo(token=tokens[session["claims"]["sub"]]))


@app.get("/refresh")
def refresh() -> Any:
    sub = session["claims"]["sub"]
    before = tokens[sub]
    tokens[sub] = lingpai.fetch_access_token(grant_type="refresh_token", refresh_token=before["refresh_token"])
    renewed = tokens[sub]["access_token"] != before["access_token"]
    return jsonify(renewed=renewed, userinfo=lingpai.userinfo(token=tokens[sub]))


@app.get("/logout")
def logout() -> Any:
    token = tokens.pop(session.pop("claims")["sub"])
    return lingpai.logout_redirect(url_for("home", _external=True), id_token_hint=token["id_token"])


@app.errorhandler(OAuthError)
def refused(error: OAuthError) -> Any:
    return jsonify(type=type(error).__name__, error=error.error), 400


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
