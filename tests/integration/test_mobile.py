"""`/mobile/*` (seed 003): codes sent, checked, used up; the accounts they open; and every limit on them."""

import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from lingpai.clients.service import new_client
from lingpai.kernel.clock import Clock
from lingpai.kernel.language import Language
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent
from lingpai.sms.senders.console import ConsoleSender
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.logs import LOGS
from tests.support.tokens import (
    APP,
    BAD_CLIENT,
    BAD_CODE,
    BAD_CREDENTIALS,
    BAD_SCOPE,
    BAD_SPRING_CLIENT,
    CHALLENGE,
    DONE,
    MACHINE,
    STANDARD,
    WEB,
    envelope,
    error,
    missing,
    not_allowed,
    opens,
    spring_tokens,
    standard_tokens,
    stored,
)

NUMBER = "13912345678"
ALICES = "13312341234"
OTHERS = tuple(f"1391234{n}" for n in range(1000, 1030))

WRONG = envelope(400, "验证码错误或已失效")
LOCKED = "验证码错误次数过多，请稍后再试"
NO_MOBILE = envelope(400, "手机号无效")
HOUR = 3600
DAY = 86400


@pytest.fixture
def open_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Api]]:
    """Opens an API with settings of its own."""
    with stores.for_api() as store:
        yield lambda **settings: make_api(monkeypatch, store, **settings)


def get(api: Api, mobile: str = NUMBER, client: tuple[str, str] = WEB, **arguments: Any) -> Answer:
    return api.post("/mobile/code/get", form={"mobile": mobile}, basic=client, **arguments)


def verify(api: Api, code: str, mobile: str = NUMBER, **arguments: Any) -> Answer:
    return api.post("/mobile/code/verify", form={"mobile": mobile, "code": code}, **arguments)


def log_in(api: Api, code: str, mobile: str = NUMBER, client: tuple[str, str] = WEB, **more: str) -> Answer:
    return api.post("/mobile/token", form={"mobile": mobile, "code": code, **more}, basic=client)


def code_for(api: Api, mobile: str = NUMBER) -> str:
    assert get(api, mobile) == DONE
    return api.last_code


def another(code: str, step: int = 1) -> str:
    """Six digits that are not these."""
    return f"{(int(code) + step) % 1000000:06d}"


def wait(text: str, seconds: int) -> Answer:
    """The refusal of seed 003's form that says when to come back."""
    return envelope(429, text, {"retry-after": str(seconds)})


def locked(seconds: int) -> Answer:
    """The same refusal as a token error."""
    said = "Too many tries for this number: wait before the next"
    return error(429, "too_many_requests", said, {"retry-after": str(seconds)})


# --- sending --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "language", "text"),
    [
        (None, "zh", "您的验证码是 {}，10 分钟内有效。"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh", "您的验证码是 {}，10 分钟内有效。"),
        ("en-GB", "en", "Your code is {}. It is valid for 10 minutes."),
        ("fr, en;q=0.5, zh;q=0.4", "en", "Your code is {}. It is valid for 10 minutes."),
        ("*", "zh", "您的验证码是 {}，10 分钟内有效。"),
    ],
)
def test_a_code_of_six_digits_is_sent(api: Api, accepted: str | None, language: Language, text: str) -> None:
    assert get(api, headers={"Accept-Language": accepted} if accepted else {}) == DONE
    code = api.last_code
    assert len(code) == 6
    assert code.isdigit()
    sender = api.services.sms
    assert isinstance(sender, ConsoleSender)
    assert sender.outbox == [
        Message("+8613912345678", code, text.format(code), int(api.time.at), minutes=10, language=language)
    ]


@pytest.mark.parametrize(
    "mobile", ["13912345678", "+8613912345678", "+86 139 1234 5678", "139-1234-5678", "008613912345678"]
)
def test_a_number_in_any_form_is_one_number(api: Api, mobile: str) -> None:
    code = code_for(api, mobile)
    assert verify(api, code) == DONE
    assert opens(api, spring_tokens(log_in(api, code)))["phone"] == NUMBER


def test_a_number_may_be_a_json_number(api: Api) -> None:
    assert api.post("/mobile/code/get", json_body={"mobile": 13912345678}, basic=WEB) == DONE
    code = api.last_code
    fields = {"mobile": 13912345678, "code": int(code) if code[0] != "0" else code}
    assert api.post("/mobile/code/verify", json_body=fields) == DONE
    spring_tokens(api.post("/mobile/token", json_body=fields, basic=WEB))


@pytest.mark.security("ASVS-6.5.2")
def test_the_code_is_kept_as_a_keyed_hash_alone(api: Api) -> None:
    code = code_for(api)
    (row,) = stored(api)["codes"]
    assert code not in row
    kept = api.services.store.get_code("+8613912345678")
    assert kept is not None
    assert kept.digest == hmac.digest(b"a-pepper-for-tests", f"+8613912345678:{code}".encode(), "sha256")


def test_the_answer_never_tells_whether_the_number_has_an_account(api: Api) -> None:
    assert get(api, ALICES) == get(api, NUMBER) == DONE
    assert [get(api, mobile) for mobile in (ALICES, NUMBER)] == [wait("验证码发送过于频繁，请稍后再试", 60)] * 2
    assert verify(api, another(api.last_code)) == verify(api, another(api.last_code, 7), ALICES) == WRONG
    assert api.sent == 2


@pytest.mark.parametrize("client", [STANDARD, MACHINE, APP], ids=["standard", "machine", "app"])
def test_every_client_that_proves_itself_may_ask(api: Api, client: tuple[str, str]) -> None:
    assert get(api, client=client) == DONE


def test_a_client_may_prove_itself_in_the_body(api: Api) -> None:
    form = {"mobile": NUMBER, "client_id": "web-client", "client_secret": "web-secret"}
    assert api.post("/mobile/code/get", form=form) == DONE
    assert api.post("/mobile/code/get", form={"mobile": OTHERS[0], "client_id": "public-client"}) == DONE


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "客户端认证失败"),
        ({"headers": {"Accept-Language": "en"}}, "Client authentication failed"),
        ({"basic": ("web-client", "wrong-secret")}, "客户端认证失败"),
        ({"basic": ("no-client", "web-secret")}, "客户端认证失败"),
        ({"headers": {"Authorization": "Basic ???"}}, "Authorization 头无法解析"),
        ({"headers": {"Authorization": "Bearer AAAA"}}, "客户端认证失败"),
    ],
)
def test_a_code_is_sent_for_known_clients_only(api: Api, arguments: dict[str, Any], text: str) -> None:
    before = stored(api)
    answer = api.post("/mobile/code/get", form={"mobile": NUMBER}, **arguments)
    assert answer == envelope(401, text, CHALLENGE)
    assert (api.sent, stored(api)) == (0, before)


@pytest.mark.parametrize("path", ["/mobile/code/get", "/mobile/code/verify"])
def test_a_missing_number_is_named(api: Api, path: str) -> None:
    for form in ({}, {"mobile": ""}):
        assert api.post(path, form=form, basic=WEB) == envelope(400, "缺少参数 mobile")
    english = {"Accept-Language": "en"}
    assert api.post(path, form={}, basic=WEB, headers=english) == envelope(400, "The parameter mobile is missing")


INVALID = [
    "1",
    "123456",
    "1391234567",
    "139123456789",
    "01012345678",  # a landline in Beijing
    "10010",
    "400-800-1234",
    "13912345678x",
    "alice",
    "+",
    "+86",
    "9" * 60000,
    "(" * 20,
    "tel:13912345678",
    "13912345678;ext=5",
]


@pytest.mark.parametrize("mobile", INVALID, ids=range(len(INVALID)))
def test_what_is_no_mobile_number_is_refused(open_api: Callable[..., Api], mobile: str) -> None:
    api = open_api(sms_countries=("CN", "US"))
    before = stored(api)
    assert get(api, mobile) == NO_MOBILE
    assert verify(api, "123456", mobile) == NO_MOBILE
    expected = error(400, "invalid_request", "This is not a valid mobile number")
    assert log_in(api, "123456", mobile) == expected
    assert (api.sent, stored(api)) == (0, before)


@pytest.mark.parametrize("mobile", ["+12025550123", "+447400123456", "+85261234567", "+886912345678"])
def test_countries_are_on_a_list(api: Api, mobile: str) -> None:
    """China's mainland alone, by default."""
    before = stored(api)
    text = "不支持该国家或地区的手机号"
    assert get(api, mobile) == envelope(400, text)
    assert verify(api, "123456", mobile) == envelope(400, text)
    said = "Numbers of this country are not served"
    assert log_in(api, "123456", mobile) == error(400, "invalid_request", said)
    assert (api.sent, stored(api)) == (0, before)


def test_the_list_of_countries_is_a_setting(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_countries=("GB", "HK"))
    for mobile in ("+447400123456", "+85261234567"):
        assert get(api, mobile) == DONE
    assert opens(api, spring_tokens(log_in(api, api.last_code, "+85261234567")))["phone"] == "+85261234567"
    assert get(api, NUMBER) == envelope(400, "不支持该国家或地区的手机号")


@pytest.mark.parametrize("mobile", ["17012345678", "+86 171 1234 5678", "008617012345678"])
def test_ranges_can_be_refused(open_api: Callable[..., Api], mobile: str) -> None:
    """None by default; a range that is refused is neither sent to nor logged in with."""
    api = open_api()
    assert get(api, mobile) == DONE
    code, before = api.last_code, stored(api)
    api = open_api(populated=False, sms_refused_prefixes="+86170,+86171")
    text = "不支持该号段的手机号"
    assert get(api, mobile) == envelope(400, text)
    assert verify(api, code, mobile) == envelope(400, text)
    said = "Numbers of this range are not served"
    assert log_in(api, code, mobile) == error(400, "invalid_request", said)
    assert (api.sent, stored(api)) == (0, before)
    assert get(api, "17212345678") == DONE


# --- limits on sending ----------------------------------------------------------------------------------------


def test_sixty_seconds_between_two_codes_for_a_number(api: Api) -> None:
    text = "验证码发送过于频繁，请稍后再试"
    assert get(api) == DONE
    assert get(api) == wait(text, 60)
    assert get(api, client=APP, source_ip="203.0.113.9") == wait(text, 60)
    assert get(api, "+86 139 1234 5678") == wait(text, 60)
    api.time.advance(59)
    assert get(api) == wait(text, 1)
    english = "A code was sent just now: wait before asking again"
    assert get(api, headers={"Accept-Language": "en"}) == wait(english, 1)
    assert get(api, OTHERS[0]) == DONE
    api.time.advance(1)
    assert get(api) == DONE
    assert api.sent == 3


def test_five_codes_an_hour_for_a_number(api: Api) -> None:
    """In any hour, not by the clock: when the first is an hour old, there is one more."""
    api.time.advance(1800)
    for _ in range(5):
        assert get(api) == DONE
        api.time.advance(60)
    text = "验证码发送次数已达上限"
    assert get(api) == wait(text, HOUR - 300)
    api.time.advance(HOUR - 301)
    assert get(api) == wait(text, 1)
    api.time.advance(1)
    assert get(api) == DONE
    api.time.advance(59)
    assert get(api) == wait("验证码发送过于频繁，请稍后再试", 1)
    api.time.advance(1)
    assert get(api) == DONE
    assert api.sent == 7


def test_ten_codes_a_day_for_a_number(api: Api) -> None:
    for _ in range(10):
        assert get(api) == DONE
        api.time.advance(2 * HOUR)
    text = "验证码发送次数已达上限"
    assert get(api) == wait(text, DAY - 20 * HOUR)
    api.time.advance(4 * HOUR - 1)
    assert get(api) == wait(text, 1)
    api.time.advance(1)
    assert get(api) == DONE
    assert api.sent == 11


@pytest.mark.parametrize(
    ("setting", "sent"), [("code_resend", 5), ("code_per_hour", 1)], ids=["no pause", "no limit an hour"]
)
def test_a_limit_of_zero_is_off(open_api: Callable[..., Api], setting: str, sent: int) -> None:
    api = open_api(**{setting: 0})
    assert [get(api).status for _ in range(6)] == [200] * sent + [429] * (6 - sent)


def test_a_refused_request_uses_up_nothing_of_the_number(api: Api) -> None:
    assert get(api) == DONE
    before = stored(api)
    assert get(api).status == 429
    assert stored(api) == before
    assert verify(api, api.last_code) == DONE


OFTEN = "请求过于频繁，请稍后再试"


def test_so_many_an_hour_for_an_address(open_api: Callable[..., Api]) -> None:
    """By the clock; START is a whole hour."""
    api = open_api(limit_sms_ip=2)
    assert [get(api, mobile) for mobile in OTHERS[:2]] == [DONE] * 2
    api.time.advance(600)
    before = stored(api)
    assert get(api, OTHERS[2]) == wait(OFTEN, HOUR - 600)
    assert get(api, OTHERS[2], client=APP) == wait(OFTEN, HOUR - 600)
    assert stored(api) == before
    forwarded = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    assert get(api, OTHERS[2], headers=forwarded) == wait(OFTEN, HOUR - 600)
    assert get(api, OTHERS[2], source_ip="203.0.113.9") == DONE
    api.time.advance(HOUR - 600)
    assert get(api, OTHERS[3]) == DONE
    assert api.sent == 4


def test_thirty_an_hour_for_an_address_by_default(api: Api) -> None:
    assert [get(api, mobile).status for mobile in OTHERS] == [200] * 30
    assert get(api) == wait(OFTEN, HOUR)
    assert api.sent == 30


def test_so_many_an_hour_for_a_client(open_api: Callable[..., Api]) -> None:
    api = open_api(limit_sms_client=2)
    assert [get(api, mobile, source_ip=f"203.0.113.{n}") for n, mobile in enumerate(OTHERS[:2])] == [DONE] * 2
    assert get(api, OTHERS[2], source_ip="203.0.113.9") == wait(OFTEN, HOUR)
    assert get(api, OTHERS[2], client=APP) == DONE
    api.time.advance(HOUR)
    assert get(api, OTHERS[3]) == DONE
    assert api.sent == 4


def test_a_daily_budget_for_the_deployment(open_api: Callable[..., Api]) -> None:
    """A day of UTC: START is eight in the morning."""
    api = open_api(limit_sms_day=2)
    assert get(api, OTHERS[0]) == DONE
    assert get(api, OTHERS[1], client=APP, source_ip="203.0.113.9") == DONE
    assert get(api, OTHERS[2], client=STANDARD, source_ip="203.0.113.10") == wait(OFTEN, 16 * HOUR)
    api.time.advance(16 * HOUR - 1)
    english = {"Accept-Language": "en"}
    assert get(api, OTHERS[2], headers=english) == wait("Too many requests: wait before the next", 1)
    api.time.advance(1)
    assert get(api, OTHERS[2]) == DONE
    assert api.sent == 3


@pytest.mark.parametrize(
    ("failure", "answer"),
    [
        (NotSent("aliyun: isv.OUT_OF_SERVICE"), envelope(503, "验证码发送失败，请稍后再试", {"retry-after": "60"})),
        (
            MaybeSent("aliyun: no answer"),
            envelope(503, "验证码可能已发出，请稍候查收，未收到再重试", {"retry-after": "60"}),
        ),
        (NotSent("aliyun: isv.MOBILE_NUMBER_ILLEGAL", bad_number=True), envelope(400, "该手机号无法接收短信")),
    ],
    ids=lambda value: getattr(value, "detail", ""),
)
def test_what_the_sender_fails_to_send_is_told(
    api: Api, monkeypatch: pytest.MonkeyPatch, failure: Exception, answer: Answer
) -> None:
    def fail(message: Message) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(api.services.sms, "send", fail)
        assert get(api) == answer
    api.time.advance(60)
    assert verify(api, code_for(api)) == DONE


# --- checking -------------------------------------------------------------------------------------------------


def test_verify_tells_whether_a_code_is_right_and_uses_nothing_up(api: Api) -> None:
    code = code_for(api)
    assert verify(api, another(code)) == WRONG
    assert verify(api, code) == DONE
    assert verify(api, code, headers={"Accept-Language": "en"}) == DONE
    spring_tokens(log_in(api, code))
    assert verify(api, code) == WRONG
    said = envelope(400, "The code is wrong, used or expired")
    assert verify(api, code, headers={"Accept-Language": "en"}) == said


def test_verify_needs_no_client(api: Api) -> None:
    code = code_for(api)
    assert verify(api, code, basic=("no-client", "no-secret")) == DONE


@pytest.mark.parametrize("code", ["", None])
def test_verify_needs_a_code(api: Api, code: str | None) -> None:
    fields = {"mobile": NUMBER, "code": code}
    assert api.post("/mobile/code/verify", json_body=fields) == envelope(400, "缺少参数 code")


@pytest.mark.parametrize("code", ["1", "12345", "1234567", "12345a", "①②③④⑤⑥", "12 456", "+12345", "-12345", "0x1234"])
def test_what_is_no_code_is_wrong_and_counts_as_no_try(api: Api, code: str) -> None:
    right = code_for(api)
    before = stored(api)
    for _ in range(6):
        assert verify(api, code) == WRONG
    assert log_in(api, code) == BAD_CODE
    assert stored(api) == before
    spring_tokens(log_in(api, right))


def test_a_code_is_for_its_number(api: Api) -> None:
    code = code_for(api)
    assert verify(api, code, ALICES) == WRONG
    assert log_in(api, code, ALICES) == BAD_CODE
    spring_tokens(log_in(api, code))


def test_a_new_code_takes_the_place_of_the_old_one(api: Api) -> None:
    old = code_for(api)
    api.time.advance(60)
    new = code_for(api)
    while new == old:
        api.time.advance(900)
        new = code_for(api)
    assert verify(api, old) == WRONG
    assert log_in(api, old) == BAD_CODE
    spring_tokens(log_in(api, new))


@pytest.mark.security("ASVS-6.4.1", "ASVS-6.5.5")
def test_a_code_is_good_for_ten_minutes(api: Api) -> None:
    code = code_for(api)
    api.time.advance(599)
    assert verify(api, code) == DONE
    spring_tokens(log_in(api, code))
    code = code_for(api)
    api.time.advance(600)
    assert verify(api, code) == WRONG
    assert log_in(api, code) == BAD_CODE


# --- tries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ways", ["VVVVV", "TTTTT", "VTVTV", "TVTTV"])
def test_five_wrong_tries_then_wait(api: Api, ways: str) -> None:
    """Whichever of the two paths they came by; then the right code helps no more."""
    code = code_for(api)
    api.time.advance(30)
    for step, way in enumerate(ways, start=1):
        wrong = another(code, step)
        if way == "V":
            assert verify(api, wrong) == WRONG
        else:
            assert log_in(api, wrong) == BAD_CODE
    assert verify(api, code) == wait(LOCKED, HOUR - 30)
    assert log_in(api, code) == locked(HOUR - 30)
    english = "Too many tries for this number: wait before the next"
    assert verify(api, code, headers={"Accept-Language": "en"}) == wait(english, HOUR - 30)


@pytest.mark.security("ASVS-6.6.3")
def test_a_new_code_does_not_reset_the_tries(api: Api) -> None:
    code = code_for(api)
    for step in range(1, 4):
        assert verify(api, another(code, step)) == WRONG
    api.time.advance(60)
    code = code_for(api)
    for step in range(1, 3):
        assert log_in(api, another(code, step)) == BAD_CODE
    assert verify(api, code) == wait(LOCKED, HOUR - 60)
    api.time.advance(60)
    code = code_for(api)
    assert log_in(api, code) == locked(HOUR - 120)


def test_after_the_window_there_are_five_again(api: Api) -> None:
    code = code_for(api)
    for step in range(1, 6):
        assert verify(api, another(code, step)) == WRONG
    api.time.advance(HOUR - 1)
    code = code_for(api)
    assert log_in(api, code) == locked(1)
    api.time.advance(1)
    for step in range(1, 5):
        assert verify(api, another(code, step)) == WRONG
    assert verify(api, code) == DONE
    assert verify(api, code) == wait(LOCKED, HOUR)


def test_asking_whether_a_code_is_right_counts_as_a_try(api: Api) -> None:
    code = code_for(api)
    assert [verify(api, code) for _ in range(5)] == [DONE] * 5
    assert verify(api, code) == wait(LOCKED, HOUR)
    assert log_in(api, code) == locked(HOUR)


def test_logging_in_is_no_wrong_try(api: Api) -> None:
    """Who logs in five times an hour with the right codes is not locked out."""
    for _ in range(5):
        spring_tokens(log_in(api, code_for(api)))
        api.time.advance(60)
    assert verify(api, "123456") == WRONG


def test_the_tries_of_one_number_are_not_those_of_another(api: Api) -> None:
    for step in range(6):
        verify(api, f"00000{step}")
    assert verify(api, "000009") == wait(LOCKED, HOUR)
    assert verify(api, "000009", ALICES) == WRONG


def test_tries_at_a_number_that_no_code_was_sent_to_count_as_well(api: Api) -> None:
    for step in range(5):
        assert log_in(api, f"00000{step}") == BAD_CODE
    assert log_in(api, "000005") == locked(HOUR)
    code = code_for(api)
    assert log_in(api, code) == locked(HOUR)


def test_tries_and_their_window_are_settings(open_api: Callable[..., Api]) -> None:
    api = open_api(code_tries=1, code_tries_window=120)
    code = code_for(api)
    assert verify(api, another(code)) == WRONG
    assert log_in(api, code) == locked(120)
    api.time.advance(120)
    spring_tokens(log_in(api, code))


# --- logging in -----------------------------------------------------------------------------------------------


def test_a_code_opens_the_account_of_the_number(api: Api) -> None:
    tokens = spring_tokens(log_in(api, code_for(api, ALICES), ALICES))
    assert opens(api, tokens)["id"] == api.user_id("alice")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert opens(api, spring_tokens(api.post("/oauth/token", form=form, basic=WEB)))["username"] == "alice"


def test_standard_clients_are_answered_their_way(api: Api) -> None:
    assert get(api, client=STANDARD) == DONE
    standard_tokens(log_in(api, api.last_code, client=STANDARD))
    assert log_in(api, "123456", client=STANDARD) == BAD_CODE


@pytest.mark.security("ASVS-6.4.1", "ASVS-6.5.1")
def test_a_code_works_once(api: Api) -> None:
    code = code_for(api)
    spring_tokens(log_in(api, code))
    before = but_for_guesses(api)
    assert log_in(api, code) == BAD_CODE
    assert log_in(api, code, client=APP) == BAD_CODE
    assert but_for_guesses(api) == before


def but_for_guesses(api: Api) -> dict[str, Any]:
    """What is stored, but for what counts guesses."""
    return {table: rows for table, rows in stored(api).items() if table not in ("codes", "counters")}


def test_an_unknown_number_becomes_an_account_without_a_password(api: Api) -> None:
    api.time.advance(100)
    user = opens(api, spring_tokens(log_in(api, code_for(api))))
    assert user == {
        "id": user["id"],
        "username": NUMBER,
        "phone": NUMBER,
        "openId": None,
        "roleList": [],
        "createTime": "2030-01-01 16:01:40",
    }
    kept = api.services.store.get_user(user["id"])
    assert kept is not None
    assert (kept.password, kept.username, kept.mobile) == (None, None, "+8613912345678")
    for password in (NUMBER, "password", "None", "null", "$argon2id$"):
        form = {"grant_type": "password", "username": NUMBER, "password": password}
        assert api.post("/oauth/token", form=form, basic=WEB) == BAD_CREDENTIALS


def test_the_next_code_opens_the_same_account(api: Api) -> None:
    first = opens(api, spring_tokens(log_in(api, code_for(api))))
    api.time.advance(60)
    assert opens(api, spring_tokens(log_in(api, code_for(api)))) == first


def test_a_disabled_account_is_not_opened_and_no_other_is_made(api: Api) -> None:
    api.services.store.commit(DisableUser(api.user_id("alice")))
    code = code_for(api, ALICES)
    before = but_for_guesses(api)
    assert log_in(api, code, ALICES) == error(400, "invalid_grant", "The account cannot be used")
    assert but_for_guesses(api) == before


@pytest.mark.parametrize("name", ["mobile", "code"])
def test_logging_in_needs_both(api: Api, name: str) -> None:
    form = {"mobile": NUMBER, "code": "123456"}
    del form[name]
    assert api.post("/mobile/token", form=form, basic=WEB) == missing(name)


def test_logging_in_needs_a_client(api: Api) -> None:
    code = code_for(api)
    form = {"mobile": NUMBER, "code": code}
    assert api.post("/mobile/token", form=form) == BAD_CLIENT
    assert log_in(api, code, client=("web-client", "wrong-secret")) == BAD_SPRING_CLIENT
    spring_tokens(log_in(api, code))


def test_a_client_that_may_not_log_in_by_code_uses_nothing_up(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("no-mobile", "spring", "no-mobile-secret", grants=("password",)))
    code = code_for(api)
    for client in (MACHINE, ("no-mobile", "no-mobile-secret")):
        assert log_in(api, code, client=client) == not_allowed("mobile")
    spring_tokens(log_in(api, code))


def test_a_scope_that_the_client_lacks_uses_nothing_up(api: Api) -> None:
    code = code_for(api)
    before = stored(api)
    assert log_in(api, code, scope="app") == BAD_SCOPE
    assert stored(api) == before
    spring_tokens(log_in(api, code, scope="web"))


def test_a_grant_type_sent_along_means_nothing(api: Api) -> None:
    """Spring clients send one to every token path; here the path has said it."""
    spring_tokens(log_in(api, code_for(api), grant_type="mobile"))
    LOGS.hush("phone number", "+86" + NUMBER)


@pytest.mark.parametrize("code", ["012345", "000007"])
def test_a_code_that_begins_with_zero_may_come_as_a_number(
    api: Api, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON has no leading zeros: one code in ten would never be right."""
    monkeypatch.setattr(Clock, "new_code", lambda _: code)
    assert get(api, NUMBER) == DONE
    body = {"mobile": int(NUMBER), "code": int(code)}
    assert api.post("/mobile/code/verify", json_body=body) == DONE
    assert api.post("/mobile/token", json_body=body, basic=WEB).status == 200
