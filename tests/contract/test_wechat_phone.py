"""The numbers that users of mini-programs confirm, and the access tokens they are asked for with: on a real server."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.clients.model import Client
from lingpai.identity_providers import service as third_parties
from lingpai.identity_providers.model import AppToken
from lingpai.identity_providers.sealed_tokens import seal, unseal
from lingpai.identity_providers.trusted import Trusted
from lingpai.identity_providers.wechat import WeChat as Provider
from lingpai.identity_providers.wechat_tokens import WeChatTokens
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.store import DynamoStore
from tests.support import wechat
from tests.support.deadlines import within
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.races import RACERS, race, refusals
from tests.support.samples import a_client
from tests.support.stores import settings, shown
from tests.support.time import Time
from tests.support.vendor import FAULTS, Fault, Line, quickly, serving
from tests.support.wechat import MINI, PHONE_PATH, SECOND, SECRETS, TOKEN_LIFE, TOKEN_PATH, WeChat

UNAVAILABLE = (503, "temporarily_unavailable", "provider_unavailable")
BAD = (400, "invalid_grant", "bad_phone_code")
BUSY = (429, "too_many_requests", "provider_busy")
OPENID = "openid-of-alice"
NATIONAL, NUMBER = "13312341234", "+8613312341234"
APP = f"wechat:{MINI}"
HERE = "192.0.2.1"
# Seconds before a token's end from which it is renewed.
EARLY = 240


@dataclass
class Scene:
    """WeChat, the way to it, and a process of Lingpai."""

    chat: WeChat
    line: Line
    time: Time
    services: Services
    client: Client = field(default_factory=lambda: a_client(sign_provider="wechat", sign_app=MINI))

    @property
    def store(self) -> Any:
        return self.services.store

    def number(self, code: str | None = None, **changes: Any) -> str:
        """The number that the code proves; of a new one by default."""
        given = {
            "client": self.client,
            "phone_code": code or self.chat.confirm_number(NATIONAL),
            "address": HERE,
            "openid": OPENID,
            "provider": self.services.identity_providers["wechat"],
            **changes,
        }
        return third_parties.phone_number(self.services, **given)

    def refusal(self, code: str | None = None, **changes: Any) -> LingpaiError:
        """How it is refused; nothing secret stands in it, or behind it."""
        code = code or self.chat.confirm_number(NATIONAL)
        with pytest.raises(LingpaiError) as refused:
            self.number(code, **changes)
        tokens = [token.text for known in self.chat.tokens.values() for token in known]
        error: BaseException | None = refused.value
        while error is not None:
            told = f"{error!r} {error} {getattr(error, 'detail', '')} {getattr(error, 'values', '')}"
            assert not any(secret in told for secret in (code, NATIONAL, OPENID, *tokens, *SECRETS.values()))
            error = error.__cause__
        return refused.value

    def refused(self, code: str | None = None, **changes: Any) -> tuple[int, str, str]:
        """Status, code and reason of the refusal."""
        error = self.refusal(code, **changes)
        return error.status, error.code, error.reason

    def another_process(self) -> "Scene":
        """One that has the same store, and knows nothing yet."""
        services = bootstrap.build(self.services.settings, self.store, self.time.clock())
        return replace(self, services=services)

    @property
    def asked(self) -> tuple[int, int]:
        """How often a token and a number were asked for."""
        return self.line.count(TOKEN_PATH), self.line.count(PHONE_PATH)


@contextmanager
def at_wechat(store: Any = None, **overrides: Any) -> Iterator[Scene]:
    clock = Time()
    chat = WeChat(clock=clock)
    with serving(chat) as line:
        chosen = settings(wechat_apps=wechat.APPS, wechat_url=line.url, **{**quickly(), **overrides})
        yield Scene(chat, line, clock, bootstrap.build(chosen, store or MemoryStore(), clock.clock()))


@pytest.fixture
def mini() -> Iterator[Scene]:
    with at_wechat() as made:
        yield made


# --- the number -------------------------------------------------------------------------------------------


def test_what_wechat_is_asked(mini: Scene) -> None:
    """To the letter of its documentation, and with no header that would tell more."""
    code = mini.chat.confirm_number(NATIONAL)
    assert mini.number(code) == NUMBER
    (token,) = mini.chat.tokens[MINI]
    assert mini.line.asked == [TOKEN_PATH, f"{PHONE_PATH}?access_token={token.text}"]
    assert mini.chat.posted == [
        {"grant_type": "client_credential", "appid": MINI, "secret": SECRETS[MINI], "force_refresh": False},
        {"code": code, "openid": OPENID},
    ]
    names = {"Host", "Accept-Encoding", "Accept", "User-Agent", "Connection", "Content-Type", "content-length"}
    assert [set(headers) for headers in mini.line.headers] == [names, names]


@pytest.mark.parametrize(
    ("national", "country", "number"),
    [
        ("13312341234", "86", "+8613312341234"),
        ("13312341234", 86, "+8613312341234"),
        ("51234567", "852", "+85251234567"),
        ("2015550123", 1, "+12015550123"),
    ],
    ids=repr,
)
def test_numbers_of_served_countries(national: str, country: object, number: str) -> None:
    with at_wechat(sms_countries="CN,HK,US") as mini:
        assert mini.number(mini.chat.confirm_number(national, country=country)) == number


@pytest.mark.parametrize(
    ("national", "country", "reason"),
    [
        ("51234567", "852", "country_not_served"),
        ("13912341234", "86", "prefix_not_served"),
        ("1012345678", "86", "bad_mobile"),
        ("1331234", "86", "bad_mobile"),
        ("13312341234", "999", "bad_mobile"),
    ],
)
def test_numbers_that_are_not_served(national: str, country: str, reason: str) -> None:
    with at_wechat(sms_refused_prefixes="+86139") as mini:
        code = mini.chat.confirm_number(national, country=country)
        assert mini.refused(code) == (400, "invalid_request", reason)


@pytest.mark.parametrize("code", ["x", "", "a b" * 10, "爱" * 32, "a" * 257, "a" * 15, "../" * 20, "a" * 64 + "\n"])
def test_what_can_be_no_code_is_refused_without_a_call(mini: Scene, code: str) -> None:
    provider = mini.services.identity_providers["wechat"]
    assert isinstance(provider, Provider)
    for call in (partial(mini.number, code or " "), partial(provider.phone_number, mini.client, code, OPENID)):
        with pytest.raises(LingpaiError) as refused:
            call()
        assert (refused.value.status, refused.value.code, refused.value.reason) == BAD
    assert mini.line.asked == []
    assert mini.store.counters == {}


def test_a_code_works_once(mini: Scene) -> None:
    code = mini.chat.confirm_number(NATIONAL)
    assert mini.number(code) == NUMBER
    assert mini.refused(code) == BAD


def test_a_code_is_good_for_five_minutes(mini: Scene) -> None:
    code = mini.chat.confirm_number(NATIONAL)
    mini.time.advance(300)
    assert mini.refused(code) == BAD


def test_a_code_of_another_app_is_refused(mini: Scene) -> None:
    code = mini.chat.confirm_number(NATIONAL, app=SECOND)
    assert mini.refused(code) == BAD
    assert mini.number(code, client=replace(mini.client, sign_app=SECOND)) == NUMBER


def test_a_code_of_another_user_is_refused(mini: Scene) -> None:
    """Whoever gets hold of somebody's code cannot add its number to an identity of their own."""
    code = mini.chat.confirm_number(NATIONAL, "openid-of-bob")
    assert mini.refused(code) == BAD
    assert mini.number(code, openid="openid-of-bob") == NUMBER


def test_a_number_with_the_watermark_of_another_app_is_refused(mini: Scene) -> None:
    mini.chat.says_at = PHONE_PATH
    mini.chat.says = {"errcode": 0, "phone_info": mini.chat.phone_codes[other_apps_code(mini)].info}
    error = mini.refusal()
    assert (error.status, error.code, error.reason) == BAD
    assert error.detail == f"wechat {MINI}: a number of another app"


def other_apps_code(mini: Scene) -> str:
    return mini.chat.confirm_number(NATIONAL, app=SECOND)


def test_a_provider_without_numbers(mini: Scene) -> None:
    assert mini.refused(provider=Trusted()) == BAD
    assert mini.line.asked == []


def test_an_app_whose_secret_is_not_here(mini: Scene) -> None:
    error = mini.refusal(client=replace(mini.client, sign_app="wx0000000000000000"))
    assert (error.status, error.reason) == (503, "provider_unavailable")
    assert error.detail == "wechat wx0000000000000000: WECHAT_APPS has no such app"
    assert mini.line.asked == []


def test_a_call_is_counted_before_it_is_made() -> None:
    """By address and client, as those that exchange a js_code: the token's own calls are not."""
    with at_wechat(limit_sign_ip=2, limit_sign_client=3) as mini:
        for _ in range(2):
            mini.number()
        code = mini.chat.confirm_number(NATIONAL)
        assert mini.refused(code) == (429, "too_many_requests", "limit_reached")
        assert mini.asked == (1, 2)
        assert mini.number(code, address=None) == NUMBER
        assert mini.refused(address="198.51.100.1") == (429, "too_many_requests", "limit_reached")


# --- what WeChat says -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errcode", "refusal", "retry_after"),
    [
        (40003, BAD, None),
        (40013, BAD, None),
        (40029, BAD, None),
        (40163, BAD, None),
        (45009, BUSY, 3600),
        (45011, BUSY, 60),
        (-1, UNAVAILABLE, 1),
        (40097, UNAVAILABLE, 1),
        (41001, UNAVAILABLE, 1),
        (47001, UNAVAILABLE, 1),
        (48001, UNAVAILABLE, 1),
        (99999, UNAVAILABLE, 1),
    ],
)
def test_each_error_code_of_the_number(
    mini: Scene, errcode: int, refusal: tuple[int, str, str], retry_after: int | None
) -> None:
    mini.chat.says_at = PHONE_PATH
    mini.chat.says = {"errcode": errcode, "errmsg": f"number {NATIONAL} rid: 1"}
    error = mini.refusal()
    assert ((error.status, error.code, error.reason), error.retry_after) == (refusal, retry_after)
    assert error.detail == (None if refusal == BAD or errcode == -1 else f"wechat {MINI}: errcode {errcode}")
    assert mini.asked == (1, 1)


@pytest.mark.parametrize(
    ("errcode", "refusal", "retry_after"),
    [
        (45009, BUSY, 3600),
        (45011, BUSY, 60),
        (-1, UNAVAILABLE, 1),
        (40001, UNAVAILABLE, 1),
        (40002, UNAVAILABLE, 1),
        (40013, UNAVAILABLE, 1),
        (40029, UNAVAILABLE, 1),
        (40125, UNAVAILABLE, 1),
        (40164, UNAVAILABLE, 1),
        (40243, UNAVAILABLE, 1),
        (41002, UNAVAILABLE, 1),
        (41004, UNAVAILABLE, 1),
        (50004, UNAVAILABLE, 1),
        (99999, UNAVAILABLE, 1),
    ],
)
def test_each_error_code_of_the_token(
    mini: Scene, errcode: int, refusal: tuple[int, str, str], retry_after: int
) -> None:
    """Nothing of it is the caller's fault, and the next one asks again at once."""
    mini.chat.says_at = TOKEN_PATH
    mini.chat.says = {"errcode": errcode, "errmsg": f"secret {SECRETS[MINI]} rid: 1"}
    code = mini.chat.confirm_number(NATIONAL)
    error = mini.refusal(code)
    assert ((error.status, error.code, error.reason), error.retry_after) == (refusal, retry_after)
    assert error.detail == (None if errcode == -1 else f"wechat {MINI}: errcode {errcode}")
    assert mini.asked == (1, 0)
    mini.chat.says = None
    assert mini.number(code) == NUMBER
    assert mini.asked == (2, 1)


INFO = {
    "phoneNumber": NATIONAL,
    "purePhoneNumber": NATIONAL,
    "countryCode": "86",
    "watermark": {"timestamp": 1, "appid": MINI},
}


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"errcode": 0},
        {"errcode": "0", "phone_info": INFO},
        {"errcode": None, "phone_info": INFO},
        {"errcode": [], "phone_info": INFO},
        {"phone_info": None},
        {"phone_info": []},
        {"phone_info": {}},
        *({"phone_info": {name: value for name, value in INFO.items() if name != left_out}} for left_out in INFO),
        {"phone_info": {**INFO, "countryCode": ""}},
        {"phone_info": {**INFO, "countryCode": None}},
        {"phone_info": {**INFO, "countryCode": True}},
        {"phone_info": {**INFO, "countryCode": 8.6}},
        {"phone_info": {**INFO, "countryCode": -86}},
        {"phone_info": {**INFO, "countryCode": "+86"}},
        {"phone_info": {**INFO, "countryCode": "86 133"}},
        {"phone_info": {**INFO, "purePhoneNumber": int(NATIONAL)}},
        {"phone_info": {**INFO, "purePhoneNumber": ""}},
        {"phone_info": {**INFO, "purePhoneNumber": "+8613312341234"}},
        {"phone_info": {**INFO, "purePhoneNumber": "133****1234"}},
        {"phone_info": {**INFO, "purePhoneNumber": "１３３１２３４１２３４"}},
        {"phone_info": {**INFO, "watermark": None}},
        {"phone_info": {**INFO, "watermark": {"timestamp": 1}}},
        {"phone_info": {**INFO, "watermark": {"appid": [MINI]}}},
    ],
    ids=json.dumps,
)
def test_an_answer_without_a_number_proves_none(mini: Scene, says: dict[str, Any]) -> None:
    """But for `phoneNumber`, which is not read: it has the country code only for some numbers."""
    mini.chat.says_at, mini.chat.says = PHONE_PATH, says
    if says == {"phone_info": {name: value for name, value in INFO.items() if name != "phoneNumber"}}:
        assert mini.number() == NUMBER
        return
    error = mini.refusal()
    assert (error.status, error.code, error.reason) == UNAVAILABLE
    assert error.detail == f"wechat {MINI}: an answer without a number"


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"access_token": "71_token"},
        {"expires_in": 7200},
        {"access_token": "", "expires_in": 7200},
        {"access_token": None, "expires_in": 7200},
        {"access_token": 71, "expires_in": 7200},
        {"access_token": "71 \n", "expires_in": 7200},
        {"access_token": "71_é", "expires_in": 7200},
        {"access_token": "7" * 2049, "expires_in": 7200},
        {"access_token": "71_token", "expires_in": "7200"},
        {"access_token": "71_token", "expires_in": 0},
        {"access_token": "71_token", "expires_in": -1},
        {"access_token": "71_token", "expires_in": 7200, "errcode": "0"},
        {"access_token": "71_token", "expires_in": 7200, "errcode": None},
    ],
    ids=json.dumps,
)
def test_an_answer_without_a_token_is_none(mini: Scene, says: dict[str, Any]) -> None:
    mini.chat.says_at, mini.chat.says = TOKEN_PATH, says
    error = mini.refusal()
    assert (error.status, error.code, error.reason) == UNAVAILABLE
    assert error.detail == f"wechat {MINI}: an answer without a token"
    assert mini.store.get_app_token(APP) == AppToken(APP)


@pytest.mark.parametrize("path", [TOKEN_PATH, PHONE_PATH])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wechat_that_does_not_answer_is_503_in_time(mini: Scene, fault: Fault, path: str) -> None:
    """And is asked once; the fault gone, the next one gets through at once."""
    mini.line.fault, mini.line.faulty = fault, path
    begun = time.monotonic()
    error = mini.refusal()
    assert (error.status, error.code, error.reason) == UNAVAILABLE
    assert error.detail
    assert error.detail.startswith(f"wechat {MINI}: ")
    assert time.monotonic() - begun < 2
    assert mini.line.count(path) == 1
    mini.line.fault = None
    assert mini.number() == NUMBER


def test_nothing_is_told(mini: Scene, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither a log, at any level, nor the terminal nor a repr. (The suite searches all that it logged.)"""
    with caplog.at_level(1):
        mini.number()
        mini.line.fault = "500"
        mini.refused()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    provider: Any = mini.services.identity_providers["wechat"]
    tokens = vars(provider)["_tokens"]
    told = f"{provider!r} {vars(provider)!r} {tokens!r} {vars(tokens)!r} {mini.store.app_tokens!r}"
    (token,) = mini.chat.tokens[MINI]
    assert not any(secret in told for secret in (token.text, NATIONAL, *SECRETS.values()))
    assert LOGS.leaks() == []


# --- the access token -------------------------------------------------------------------------------------


def test_a_token_serves_a_process_until_shortly_before_its_end(mini: Scene) -> None:
    for _ in range(3):
        mini.number()
    mini.time.advance(TOKEN_LIFE - EARLY - 1)
    mini.number()
    assert mini.asked == (1, 4)
    mini.time.advance(1)
    for _ in range(2):
        mini.number()
    assert mini.asked == (2, 6)
    mini.time.advance(TOKEN_LIFE - EARLY)
    mini.number()
    assert mini.asked == (3, 7)


def test_processes_share_a_token(mini: Scene) -> None:
    for process in (mini, mini.another_process(), mini.another_process()):
        assert process.number() == NUMBER
    assert mini.asked == (1, 3)


def test_a_process_that_knows_its_token_does_not_read_it(mini: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    mini.number()
    monkeypatch.setattr(mini.store, "get_app_token", None)
    assert mini.number() == NUMBER


def test_apps_have_tokens_of_their_own(mini: Scene) -> None:
    second = replace(mini.client, sign_app=SECOND)
    for _ in range(2):
        mini.number()
        mini.number(mini.chat.confirm_number(NATIONAL, app=SECOND), client=second)
    assert mini.asked == (2, 4)
    assert set(mini.store.app_tokens) == {APP, f"wechat:{SECOND}"}


def test_a_token_that_ends_soon_is_used_and_asked_for_again(mini: Scene) -> None:
    """Where WeChat gives what is due already, nobody is refused for it."""
    mini.chat.says_at = TOKEN_PATH
    mini.chat.displace()
    mini.chat.says = {"access_token": mini.chat.tokens[MINI][-1].text, "expires_in": EARLY}
    for _ in range(2):
        assert mini.number() == NUMBER
    assert mini.asked == (2, 2)


def test_a_life_longer_than_documented_is_not_believed(mini: Scene) -> None:
    mini.chat.displace()
    mini.chat.says_at = TOKEN_PATH
    mini.chat.says = {"access_token": mini.chat.tokens[MINI][-1].text, "expires_in": 10**9}
    mini.number()
    assert mini.store.get_app_token(APP).expires_at == int(mini.time.at) + TOKEN_LIFE


def test_a_token_that_another_one_displaced_is_renewed_without_force(mini: Scene) -> None:
    """The code is still good: the call that was refused did not look at it."""
    mini.number()
    mini.chat.displace()
    assert mini.number() == NUMBER
    assert mini.asked == (2, 3)
    assert forced(mini) == [False, False]
    assert mini.number() == mini.another_process().number() == NUMBER
    assert mini.asked == (2, 5)


def test_a_token_that_wechat_still_gives_out_is_renewed_by_force(mini: Scene) -> None:
    mini.number()
    mini.chat.revoke()
    assert mini.number() == NUMBER
    assert mini.asked == (3, 3)
    assert forced(mini) == [False, False, True]
    assert mini.number() == mini.another_process().number() == NUMBER
    assert mini.asked == (3, 5)


def test_a_token_that_ended_before_its_time_is_renewed(mini: Scene) -> None:
    mini.number()
    mini.chat.tokens[MINI][-1].expires_at = mini.time.at
    assert mini.number() == NUMBER
    assert (mini.asked, forced(mini)) == ((2, 3), [False, False])


def test_a_token_that_wechat_does_not_know_is_renewed(mini: Scene) -> None:
    mini.number()
    mini.chat.tokens.clear()
    mini.chat.displace()
    mini.chat.tokens[MINI][-1].text = f"72_{'another' * 20}"
    assert mini.number() == NUMBER
    assert (mini.asked, forced(mini)) == ((2, 3), [False, False])


def test_a_process_takes_the_token_that_another_one_renewed(mini: Scene) -> None:
    other = mini.another_process()
    mini.number()
    other.number()
    mini.chat.displace()
    mini.number()
    assert mini.asked == (2, 4)
    assert other.number() == NUMBER
    assert mini.asked == (2, 6)


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_refusal_of_the_new_token_is_the_last(mini: Scene, errcode: int) -> None:
    mini.chat.says_at, mini.chat.says = PHONE_PATH, {"errcode": errcode}
    error = mini.refusal()
    assert (error.status, error.code, error.reason) == UNAVAILABLE
    assert error.detail == f"wechat {MINI}: errcode {errcode}"
    assert mini.asked == (3, 2)


def forced(mini: Scene) -> list[bool]:
    """Of each question for a token: whether it was by force."""
    return [content["force_refresh"] for content in mini.chat.posted if "force_refresh" in content]


# --- kept for all -----------------------------------------------------------------------------------------


def test_the_store_keeps_it_encrypted(mini: Scene) -> None:
    mini.number()
    (token,) = mini.chat.tokens[MINI]
    kept = mini.store.get_app_token(APP)
    assert kept == AppToken(APP, kept.sealed, int(mini.time.at) + TOKEN_LIFE)
    assert unseal(SECRETS[MINI], APP, kept.sealed) == token.text
    text = str(shown(mini.store))
    assert not any(secret in text for secret in (token.text, *SECRETS.values()))
    assert token.text.encode() not in kept.sealed


def test_it_opens_with_the_secret_of_its_app_alone() -> None:
    sealed = seal("secret", APP, "71_token", bytes(range(32)))
    assert unseal("secret", APP, sealed) == "71_token"
    for secret, app, changed in (
        ("Secret", APP, sealed),
        ("secret", f"wechat:{SECOND}", sealed),
        ("secret", APP, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("secret", APP, b"\xff" + sealed[1:]),
        ("secret", APP, sealed[:20]),
        ("secret", APP, sealed[:5]),
        ("secret", APP, b""),
    ):
        assert unseal(secret, app, changed) is None
    assert seal("secret", APP, "71_token", bytes(32)) != sealed


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(100)], ids=len)
def test_what_cannot_be_opened_is_replaced(mini: Scene, sealed: bytes) -> None:
    """As after a change of the app's secret."""
    mini.store.app_tokens[APP] = AppToken(APP, sealed, int(mini.time.at) + TOKEN_LIFE)
    assert mini.number() == mini.another_process().number() == NUMBER
    assert mini.asked == (1, 2)


def test_a_token_of_another_app_in_its_place_is_not_used(mini: Scene) -> None:
    mini.number(mini.chat.confirm_number(NATIONAL, app=SECOND), client=replace(mini.client, sign_app=SECOND))
    mini.store.app_tokens[APP] = replace(mini.store.app_tokens[f"wechat:{SECOND}"], app=APP)
    assert mini.number() == NUMBER
    assert mini.asked == (2, 2)


def tokens_of(mini: Scene, pause: Callable[[], None]) -> WeChatTokens:
    """A process's tokens, that does this between two looks at the store."""
    return WeChatTokens(mini.services.settings, mini.time.clock(), mini.store, pause)


def text_of(mini: Scene) -> str:
    return mini.chat.tokens[MINI][-1].text


def claim(mini: Scene, mark: bytes = b"elsewhere") -> None:
    now = int(mini.time.at)
    assert mini.store.claim_app_token(mini.store.get_app_token(APP), mark, now, now + 10)


def test_who_comes_second_waits_for_the_first(mini: Scene) -> None:
    """The token that the other one puts is taken, and WeChat is not asked."""
    claim(mini)
    mini.chat.displace()
    looks = 0

    def pause() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            sealed = seal(SECRETS[MINI], APP, text_of(mini), bytes(32))
            mini.store.put_app_token(AppToken(APP, sealed, int(mini.time.at) + TOKEN_LIFE), b"elsewhere")

    assert tokens_of(mini, pause).get(MINI, SECRETS[MINI]) == text_of(mini)
    assert (looks, mini.asked) == (3, (0, 0))


def test_while_another_one_renews_it_the_token_before_is_used(mini: Scene) -> None:
    mini.number()
    mini.time.advance(TOKEN_LIFE - EARLY)
    claim(mini)
    assert mini.number() == NUMBER
    assert mini.asked == (1, 2)
    mini.store.release_app_token(APP, b"elsewhere")
    assert mini.number() == NUMBER
    assert mini.asked == (2, 3)


def test_a_token_that_was_refused_is_not_used_meanwhile(mini: Scene) -> None:
    mini.number()
    before = text_of(mini)
    claim(mini)
    waited = tokens_of(mini, lambda: mini.store.release_app_token(APP, b"elsewhere"))
    mini.chat.displace()
    assert waited.get(MINI, SECRETS[MINI], refused=before) == text_of(mini) != before
    assert mini.asked == (2, 1)


def test_who_waits_takes_over_from_one_that_has_died(mini: Scene) -> None:
    claim(mini)
    tokens = tokens_of(mini, lambda: mini.time.advance(1))
    assert tokens.get(MINI, SECRETS[MINI]) == text_of(mini)
    assert mini.asked == (1, 0)


def test_nobody_waits_for_ever(mini: Scene) -> None:
    claim(mini)
    looks: list[None] = []
    with pytest.raises(LingpaiError) as refused:
        tokens_of(mini, lambda: looks.append(None)).get(MINI, SECRETS[MINI])
    error = refused.value
    assert (error.status, error.code, error.reason) == UNAVAILABLE
    assert error.detail == f"wechat {MINI}: another function is renewing the token"
    assert (len(looks), mini.asked) == (50, (0, 0))


def test_nobody_waits_beyond_the_requests_deadline(mini: Scene) -> None:
    claim(mini)
    looks: list[None] = []
    with within(0), pytest.raises(LingpaiError) as refused:
        tokens_of(mini, lambda: looks.append(None)).get(MINI, SECRETS[MINI])
    assert refused.value.reason == "provider_unavailable"
    assert looks == []


def test_a_renewal_that_was_overtaken_is_not_kept(mini: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It took longer than its claim, and another process has renewed the token since: that one's is kept."""
    answer_json = mini.chat.answer_json

    def late(path: str, query: str, content: Any) -> tuple[int, bytes]:
        if path == TOKEN_PATH and not mini.chat.posted:
            given = answer_json(path, query, content)
            mini.time.advance(11)
            claim(mini, b"the next")
            sealed = seal(SECRETS[MINI], APP, "72_later", bytes(32))
            assert mini.store.put_app_token(AppToken(APP, sealed, int(mini.time.at) + TOKEN_LIFE), b"the next")
            return given
        return answer_json(path, query, content)

    monkeypatch.setattr(mini.chat, "answer_json", late)
    tokens = tokens_of(mini, lambda: None)
    assert tokens.get(MINI, SECRETS[MINI]) == text_of(mini)
    assert tokens.get(MINI, SECRETS[MINI]) == "72_later"
    assert mini.asked == (1, 0)


@pytest.mark.parametrize("state", ["first", "due", "displaced", "revoked"])
def test_of_many_one_renews_it(reference: DynamoStore, state: str) -> None:
    """32 processes at once: each gets its number, and WeChat is asked for a token once (twice where it is by force)."""
    with at_wechat(reference, sign_timeout=20, limit_sign_ip=0, limit_sign_net=0) as mini:
        processes = [mini.another_process() for _ in range(RACERS)]
        for process in () if state == "first" else processes:
            process.number()
        before, numbers = mini.asked
        happens: dict[str, Callable[[], None]] = {
            "first": lambda: None,
            "due": lambda: mini.time.advance(TOKEN_LIFE - EARLY),
            "displaced": mini.chat.displace,
            "revoked": mini.chat.revoke,
        }
        happens[state]()
        codes = [mini.chat.confirm_number(f"133123412{number:02d}") for number in range(RACERS)]
        outcomes = race([partial(process.number, code) for process, code in zip(processes, codes, strict=True)])
        assert refusals(outcomes) == {}
        assert outcomes == [f"+86133123412{number:02d}" for number in range(RACERS)]
        tokens, again = mini.asked
        assert tokens - before == {"first": 1, "due": 1, "displaced": 1, "revoked": 2}[state]
        refused = RACERS if state in ("displaced", "revoked") else 0
        assert again - numbers == RACERS + refused
        kept = reference.get_app_token(APP)
        assert unseal(SECRETS[MINI], APP, kept.sealed) == text_of(mini)
