"""A web app that logs people in by idpyoidc's relying party: PKCE, refresh, logout."""

import os
from typing import Any

from flask import Flask, jsonify, redirect, request, session
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.rp_handler import RPHandler

ISSUER, BASE_URL = os.environ["ISSUER"], os.environ["BASE_URL"]

app = Flask(__name__)
app.secret_key = os.environ["CLIENT_SECRET"]
app.config.update(SESSION_COOKIE_NAME="idpyoidc")
handler = RPHandler(
    base_url=BASE_URL,
    client_configs={
        "lingpai": {
            "client_type": "oidc",
            "issuer": ISSUER,
            "client_id": os.environ["CLIENT_ID"],
            "client_secret": os.environ["CLIENT_SECRET"],
            "redirect_uris": [f"{BASE_URL}/callback"],
            "post_logout_redirect_uris": [f"{BASE_URL}/"],
            "client_authn_methods": ["client_secret_basic", "bearer_header"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "phone", "roles"],
            "services": {
                **DEFAULT_OIDC_SERVICES,
                "end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"},
            },
            "add_ons": {
                "pkce": {
                    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
                }
            },
        }
    },
)


@app.get("/")
def home() -> Any:
    return jsonify(claims=session.get("claims"))


@app.get("/login")
def login() -> Any:
    asked = {"scope": ["openid", "profile", "phone", "roles"], **request.args}
    return redirect(handler.begin("lingpai", req_args=asked))


@app.get("/callback")
def callback() -> Any:
    found = handler.finalize(ISSUER, request.args.to_dict())
    if "error" in found:
        return jsonify(type="error", error=found["error"]), 400
    session["state"], session["claims"] = found["state"], found["id_token"].to_dict()
    session["userinfo"] = found["userinfo"].to_dict()
    return redirect("/")


@app.get("/userinfo")
def userinfo() -> Any:
    return jsonify(session["userinfo"])


@app.get("/refresh")
def refresh() -> Any:
    before, _ = handler.get_valid_access_token(session["state"])
    after = handler.refresh_access_token(session["state"])["access_token"]
    return jsonify(renewed=after != before, userinfo=handler.get_user_info(session["state"]).to_dict())


@app.get("/logout")
def logout() -> Any:
    asked = handler.logout(session["state"], post_logout_redirect_uri=f"{BASE_URL}/")
    session.clear()
    return redirect(asked["url"])


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
