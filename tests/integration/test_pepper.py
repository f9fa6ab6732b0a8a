"""The pepper in Secrets Manager: fetched once, and only by functions that cannot do without it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from lingpai import bootstrap
from lingpai.aws import secrets
from lingpai.kernel.errors import unavailable
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.logs import LOGS

PEPPER = "a-pepper-out-of-secrets-manager"
WEB = ("web-client", "web-secret")


@pytest.fixture
def opened() -> Iterator[Any]:
    with stores.for_api("moto") as store:
        yield store


def without_pepper(monkeypatch: pytest.MonkeyPatch, store: Any, populated: Api | None = None) -> Api:
    """An API whose pepper cannot be had."""

    def none() -> bytes:
        raise unavailable()

    api = make_api(monkeypatch, store, populated=populated is None)
    services = replace(api.services, pepper=none)
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    return Api(services, api.time)


def test_it_is_fetched_once(monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """At the wire, whatever the number of codes and temporary tokens; and not before the first of them."""
    client: Any = botocore.session.get_session().create_client("secretsmanager", region_name="us-east-1")
    arn = client.create_secret(Name="pepper", SecretString=PEPPER)["ARN"]
    LOGS.hush("pepper", PEPPER)
    fetched: list[str] = []
    original = botocore.session.Session.create_client

    def counting(self: Any, *arguments: Any, **options: Any) -> Any:
        made = original(self, *arguments, **options)
        made.meta.events.register("before-send.secrets-manager", lambda **_: fetched.append("call"))
        return made

    monkeypatch.setattr(botocore.session.Session, "create_client", counting)
    api = make_api(monkeypatch, opened, code_pepper="", code_pepper_secret=arn, code_resend=0)
    services = replace(api.services, pepper=secrets.pepper(api.services.settings))
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    api = Api(services, api.time)
    token = api.token()
    assert fetched == []
    for _ in range(3):
        assert api.post("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB).status == 200
        assert api.post("/oauth/getTempToken", form={"accessToken": token}).json["status"] == 1
    assert fetched == ["call"]
    assert services.pepper() == PEPPER.encode()


def test_four_functions_cannot_do_without_it(monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """Token and mobile for codes, users for the code of a new number, and all that take a bearer: temporary tokens."""
    with_it = make_api(monkeypatch, opened)
    temporary = with_it.post("/oauth/getTempToken", form={"accessToken": with_it.admin()}).json["result"]
    api = without_pepper(monkeypatch, opened, with_it)

    def needed(answer: Answer) -> bool:
        return answer.status == 503

    assert needed(api.post("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB))
    assert needed(api.post("/users/current", bearer=temporary))
    assert needed(api.post("/roles/list", json_body={}, bearer=temporary))
    assert api.post("/oauth/getTempToken", form={"accessToken": api.token()}).json["status"] == 0


def test_the_others_do(monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """Logging in by sign and by password, and what an ordinary token opens."""
    api = without_pepper(monkeypatch, opened)
    assert api.post("/sign/token", form={"sign": "o-1"}, basic=WEB).status == 200
    assert api.post("/users/current", bearer=api.token()).status == 200
    assert api.post("/roles/list", json_body={}, bearer=api.admin()).status == 200
