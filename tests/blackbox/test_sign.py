"""`/sign/token`: a third party's id as its client says it."""

import secrets
from typing import Any

from tests.blackbox.service import Person, Service
from tests.support.expect import asks_for_token, gives, refuses
from tests.support.tokens import BAD_SPRING_CLIENT, missing, not_allowed, spring_tokens, standard_tokens


def test_a_sign_opens_the_same_account_each_time(service: Service) -> None:
    sign = f"o-{secrets.token_hex(12)}"
    first = spring_tokens(service.post("/sign/token", form={"sign": sign}, basic=service.client("web-client")))
    shown = gives(service.get("/users/current", bearer=first["access_token"]))
    assert (shown["openId"], shown["phone"], shown["roleList"]) == (sign, None, [])
    # Here as the extension grant of RFC 6749 section 4.5, by another client of the same provider.
    form = {"grant_type": "urn:lingpai:grant:sign", "sign": sign, "scope": "lingpai:account"}
    answer = service.post("/oauth/token", form=form, basic=service.client("standard-client"))
    second = standard_tokens(answer, scope="lingpai:account")
    assert gives(service.get("/users/current", bearer=second["access_token"]))["id"] == shown["id"]


def test_what_logs_in_is_told_and_the_last_way_in_stays(service: Service) -> None:
    sign = f"o-{secrets.token_hex(12)}"
    token = spring_tokens(service.post("/sign/token", form={"sign": sign}, basic=service.client("web-client")))
    bearer, masked = token["access_token"], f"{sign[:4]}***{sign[-4:]}"
    known = {
        "username": False,
        "password": False,
        "phone": None,
        "identities": [{"provider": "trusted", "app": "default", "id": masked}],
    }
    assert gives(service.get("/users/identities", bearer=bearer)) == known
    answer = service.post("/users/identities/unlink", json_body={"provider": "trusted"}, bearer=bearer)
    refuses(answer, 409, "不能解除唯一的登录方式")
    assert gives(service.get("/users/identities", bearer=bearer)) == known


def test_whoever_has_a_password_has_no_identity(service: Service, person: Person) -> None:
    """None to unlink; and none to link, for a client's word is not the user's to use."""
    token = person.token
    known: dict[str, Any] = {"username": True, "password": True, "phone": None, "identities": []}
    assert gives(service.get("/users/identities", bearer=token)) == known
    answer = service.post("/users/identities/unlink", json_body={"provider": "trusted"}, bearer=token)
    refuses(answer, 404, "账号未关联该身份")
    answer = service.post("/users/identities/link", json_body={"sign": f"o-{secrets.token_hex(12)}"}, bearer=token)
    refuses(answer, 403, "该登录方式只能由管理员关联")
    answer = service.post("/users/identities/link", json_body={"provider": "google", "sign": "x"}, bearer=token)
    refuses(answer, 403, "该客户端不能关联此登录方式")
    assert gives(service.get("/users/identities", bearer=token)) == known
    asks_for_token(service.get("/users/identities"))


def test_refusals(service: Service) -> None:
    form = {"sign": f"o-{secrets.token_hex(12)}"}
    assert service.post("/sign/token", form=form, basic=("web-client", "wrong")) == BAD_SPRING_CLIENT
    assert service.post("/sign/token", form=form, basic=service.client("machine-client")) == not_allowed("sign")
    assert service.post("/sign/token", form={"a": "b"}, basic=service.client("web-client")) == missing("sign")
