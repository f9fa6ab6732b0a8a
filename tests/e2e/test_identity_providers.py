"""The local server asks WeChat and OpenID providers as a deployment does, once its settings name them."""

import json
import time
from pathlib import Path
from typing import Any

from tests.e2e.server import run_to_end, serving
from tests.support import openid, vendor
from tests.support.openid import OpenId
from tests.support.wechat import APPS, MINI, SECRETS, WeChat

CLIENTS: tuple[dict[str, Any], ...] = (
    {
        "client_id": "mini",
        "client_secret": "mini-secret",
        "dialect": "spring",
        "scopes": ["web"],
        "sign_provider": "wechat",
        "sign_app": MINI,
    },
    {"client_id": "app", "client_secret": "app-secret", "dialect": "spring", "sign_provider": "google"},
)


def seed_of(folder: Path, *clients: dict[str, Any]) -> str:
    path = folder / "seed.json"
    path.write_text(json.dumps({"clients": clients}), "utf-8")
    return str(path)


def test_logging_in_and_linking(tmp_path: Path) -> None:
    chat, google = WeChat(), OpenId()
    with vendor.serving(chat) as to_wechat, vendor.serving(google) as to_google:
        google.issuer = to_google.url
        environment = {
            "SEED": seed_of(tmp_path, *CLIENTS),
            "WECHAT_APPS": APPS,
            "WECHAT_URL": to_wechat.url,
            "OIDC_PROVIDERS": openid.setting(to_google.url),
            "LINK_PROVIDERS": "google",
        }
        with serving(tmp_path, **environment) as server:
            code, id_token = chat.log_in("o-at-home"), google.token("subject-at-home", at=int(time.time()))
            server.hush(code, id_token, "o-at-home", "subject-at-home", *SECRETS.values())
            status, tokens = server.post("/sign/token", form={"sign": code}, basic="mini:mini-secret")
            assert (status, tokens["scope"]) == (200, "web")
            body = {"provider": "google", "sign": id_token}
            status, answer = server.post("/users/identities/link", json_body=body, bearer=tokens["access_token"])
            assert status == 200
            assert [one["provider"] for one in answer["message"]["identities"]] == ["google", "wechat"]
            again = google.token("subject-at-home", at=int(time.time()))
            status, others = server.post("/sign/token", form={"sign": again}, basic="app:app-secret")
            assert status == 200
            first, second = (
                server.get("/users/current", bearer=found["access_token"])[1]["message"] for found in (tokens, others)
            )
            assert first == second
            assert server.post("/sign/token", form={"sign": code}, basic="mini:mini-secret") == (
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "The code was used before: get a new one",
                    "reason": "sign_used",
                },
            )


def test_without_its_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    ended = run_to_end(SEED=seed_of(tmp_path, *CLIENTS))
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == 2
    assert "clients[0] (mini): sign_provider: there is no 'wechat' in this deployment's settings" in lines[0]
    assert "clients[1] (app): sign_provider: there is no 'google' in this deployment's settings" in lines[1]


def test_a_wrong_provider_is_named_at_the_start() -> None:
    ended = run_to_end(OIDC_PROVIDERS='{"google": {"issuer": "http://accounts.google.com", "audiences": ["x"]}}')
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.strip().endswith("OIDC_PROVIDERS: google.issuer: is no address that begins with https://")
