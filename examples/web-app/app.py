"""A website with login at Lingpai, by Flask and Authlib.

In: the environment variables `ISSUER`, `CLIENT_ID`, `CLIENT_SECRET`, `SECRET_KEY` (signs this app's cookie) and
`OTHER_APP` (a link on the page). The defaults are for `make demo`. Run it by `flask --app app run --port 8000`.
"""

import os
import secrets
from urllib.parse import urlencode

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from texts import TEXTS

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:3000")

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_bytes(32)
app.config.update(
    # Browsers share cookies among all ports of a host: each app on one host needs its own cookie name.
    SESSION_COOKIE_NAME="web-app",
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=ISSUER.startswith("https:"),
)
lingpai = OAuth(app).register(
    "lingpai",
    client_id=os.environ.get("CLIENT_ID", "web-app"),
    client_secret=os.environ.get("CLIENT_SECRET", "web-app-secret"),
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile phone", "code_challenge_method": "S256"},
)


@app.get("/")
def home() -> ResponseReturnValue:
    """Show who is logged in, or a button to log in."""
    return _page("home.html", user=session.get("user"), other_app=os.environ.get("OTHER_APP", "http://127.0.0.1:8001/"))


@app.get("/login")
def login() -> ResponseReturnValue:
    """Redirect to Lingpai. Authlib keeps `state`, `nonce` and the PKCE verifier in this app's cookie."""
    return lingpai.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> ResponseReturnValue:
    """Redeem the code. Authlib checks `state`, and the ID token with its `nonce`."""
    try:
        token = lingpai.authorize_access_token()
    except OAuthError as error:
        return _page("error.html", error=error.error), 400
    user = lingpai.userinfo(token=token)
    session.clear()
    session["user"] = {name: user.get(name) for name in ("sub", "name", "preferred_username", "phone_number")}
    session["id_token"] = token["id_token"]
    return redirect(url_for("home"))


@app.post("/logout")
def logout() -> ResponseReturnValue:
    """Log out here, then at Lingpai (OpenID Connect RP-Initiated Logout 1.0)."""
    id_token = session.get("id_token", "")
    session.clear()
    back = url_for("home", _external=True)
    query = urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": back})
    return redirect(f"{lingpai.load_server_metadata()['end_session_endpoint']}?{query}")


def _page(template: str, **values: object) -> str:
    language = request.accept_languages.best_match(TEXTS, "en")
    return render_template(template, language=language, texts=TEXTS[language], **values)
