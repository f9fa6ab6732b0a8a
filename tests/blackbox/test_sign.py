"""`/sign/token`: a third party's id as its client says it."""

import secrets

from tests.blackbox.service import Service
from tests.support.expect import gives
from tests.support.tokens import BAD_SPRING_CLIENT, missing, not_allowed, spring_tokens, standard_tokens


def test_a_sign_opens_the_same_account_each_time(service: Service) -> None:
    sign = f"o-{secrets.token_hex(12)}"
    first = spring_tokens(service.post("/sign/token", form={"sign": sign}, basic=service.client("web-client")))
    shown = gives(service.get("/users/current", bearer=first["access_token"]))
    assert (shown["openId"], shown["phone"], shown["roleList"]) == (sign, None, [])
    # Here as the extension grant of RFC 6749 section 4.5, by another client of the same provider.
    form = {"grant_type": "urn:lingpai:grant:sign", "sign": sign}
    second = standard_tokens(service.post("/oauth/token", form=form, basic=service.client("standard-client")))
    assert gives(service.get("/users/current", bearer=second["access_token"]))["id"] == shown["id"]


def test_refusals(service: Service) -> None:
    form = {"sign": f"o-{secrets.token_hex(12)}"}
    assert service.post("/sign/token", form=form, basic=("web-client", "wrong")) == BAD_SPRING_CLIENT
    assert service.post("/sign/token", form=form, basic=service.client("machine-client")) == not_allowed("sign")
    assert service.post("/sign/token", form={"a": "b"}, basic=service.client("web-client")) == missing("sign")
