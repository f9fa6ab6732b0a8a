"""Questions to WeChat are counted by address and client before they are asked."""

from collections.abc import Iterator

import pytest

from tests.support.api import Answer
from tests.support.expect import refuses
from tests.support.third_parties import GOOGLE_CLIENT, MINI_CLIENT, PUBLIC_CLIENT, SECOND_CLIENT, Town, town
from tests.support.tokens import error, spring_tokens, standard_tokens

pytestmark = pytest.mark.security("F38")

MADE_UP = "made-up-js-code"
UNKNOWN = error(400, "invalid_grant", "The code is not one that this app was given just now")
HOUR = 3600


@pytest.fixture
def here() -> Iterator[Town]:
    with town(limit_sign_ip=3, limit_sign_net=5, limit_sign_client=8) as made:
        yield made


def guess(here: Town, sign: str = MADE_UP, source_ip: str = "192.0.2.1") -> Answer:
    """A request of the client without a secret."""
    form = {"sign": sign, "client_id": PUBLIC_CLIENT}
    return here.api.post("/sign/token", form=form, source_ip=source_ip)


def asked(here: Town) -> int:
    return len(here.to_wechat.asked)


def wait(here: Town) -> Answer:
    """The refusal: until the hour is over."""
    headers = {"retry-after": str(HOUR - int(here.api.time.at) % HOUR)}
    return error(429, "too_many_requests", "Too many requests: wait before the next", headers)


def test_an_address_its_network_and_a_client_have_so_many_an_hour(here: Town) -> None:
    for source_ip, times in (("192.0.2.1", 3), ("192.0.2.2", 2), ("198.51.100.1", 3)):
        for _ in range(times):
            assert guess(here, source_ip=source_ip) == UNKNOWN
        before = asked(here)
        assert guess(here, source_ip=source_ip) == wait(here)
        assert asked(here) == before
    # The client's are used up now, for whoever comes from anywhere; a right code is refused unasked, and stays good.
    code = here.wechat.log_in("o-waits")
    assert guess(here, code, "203.0.113.1") == wait(here)
    assert asked(here) == 8
    here.api.time.advance(HOUR)
    standard_tokens(guess(here, code, "203.0.113.1"), None)


def test_clients_have_counts_of_their_own(here: Town) -> None:
    for _ in range(3):
        guess(here)
    spring_tokens(here.sign(MINI_CLIENT, here.wechat.log_in("o-1")))
    spring_tokens(here.sign(SECOND_CLIENT, here.wechat.log_in("o-1", app="wxfedcba9876543210")))


def test_a_client_with_a_secret_is_counted_alone(here: Town) -> None:
    """It may be a back end that many people are behind."""
    for number in range(8):
        spring_tokens(here.sign(MINI_CLIENT, here.wechat.log_in(f"o-{number}")))
    assert here.sign(MINI_CLIENT, here.wechat.log_in("o-8")) == wait(here)
    assert asked(here) == 8


def test_what_cannot_be_a_code_is_refused_and_not_counted(here: Town) -> None:
    for _ in range(10):
        assert guess(here, "c0de with blanks") == UNKNOWN
    assert guess(here) == UNKNOWN


def test_linking_is_counted_too(here: Town) -> None:
    token = here.token(MINI_CLIENT, here.wechat.log_in("o-links"))
    body = {"sign": MADE_UP}
    for _ in range(3):
        answer = here.api.post("/users/identities/link", json_body=body, bearer=token)
        refuses(answer, 400, "登录凭证无效、已过期或不属于该应用")
    answer = here.api.post("/users/identities/link", json_body=body, bearer=token)
    refuses(answer, 429, "请求过于频繁，请稍后再试", {"retry-after": wait(here).headers["retry-after"]})
    assert asked(here) == 4


def test_made_up_id_tokens_ask_for_no_keys(here: Town) -> None:
    """The keys are read once, and once more where one is missed, in OIDC_KEYS_PAUSE."""
    here.token(GOOGLE_CLIENT, here.id_token())
    before = len(here.to_google.asked)
    for number in range(20):
        here.sign(GOOGLE_CLIENT, here.google.token(kid=f"made-up-{number}", at=int(here.api.time.at)))
    assert len(here.to_google.asked) <= before + 2


def test_limits_of_0_are_off() -> None:
    with town(limit_sign_ip=0, limit_sign_net=0, limit_sign_client=0) as here:
        for _ in range(400):
            assert guess(here) == UNKNOWN
            if asked(here) > 20:
                break
        assert here.api.services.store.counts("sign:client:public-mini") == {}
