"""A captcha before a code: when it is asked for, what a solution is good for, and what a stopped prefix does."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lingpai.captcha.model import Solved, Subject
from lingpai.captcha.provider import Unavailable
from lingpai.kernel.errors import SettingsError
from lingpai.rate_limits import service as rate_limits
from lingpai.settings import from_environment
from lingpai.sms import budget
from tests.support import stores
from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.captcha import EASY, payload, solve
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser
from tests.support.tokens import APP, DONE, WEB, spring_tokens

pytestmark = pytest.mark.security("F42")

ALICES = "13312341234"
STRANGER = "13312349999"
PREFIX = "+861331"


@pytest.fixture
def open_api(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    return lambda **settings: make_api(monkeypatch, MemoryStore(), **{**EASY, **settings})


def get(api: Api, mobile: str, solution: str = "", basic: tuple[str, str] = WEB, address: str = "192.0.2.1") -> Answer:
    form = {"mobile": mobile, "captcha": solution} if solution else {"mobile": mobile}
    return api.post("/mobile/code/get", form=form, basic=basic, source_ip=address)


def challenge(answer: Answer) -> Mapping[str, Any]:
    """The challenge of an answer that asks for a captcha."""
    assert answer.status == 403, answer
    told = answer.json
    assert told.keys() == {"status", "error", "reason", "captcha"}
    assert (told["status"], told["reason"], told["captcha"]["provider"]) == (403, "captcha_required", "altcha")
    found: Mapping[str, Any] = told["captcha"]["challenge"]
    return found


def guard(api: Api, count: int) -> None:
    """Send so many codes to the prefix."""
    for n in range(count):
        assert get(api, f"1331{n:07d}") == DONE


def stop(api: Api) -> None:
    """Use up the allowance of the prefix, by captchas where they are asked for."""
    for n in range(api.services.settings.sms_unproven):
        number = f"1331{n:07d}"
        answer = get(api, number)
        if answer != DONE:
            assert get(api, number, solve(challenge(answer))) == DONE


# --- when it is asked for ----------------------------------------------------------------------------------------


def test_a_part_of_the_prefixs_allowance_takes_none(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=10, captcha_prefix_percent=40)
    guard(api, 4)
    answer = get(api, STRANGER, address="198.51.100.1")
    assert answer.headers == NO_STORE
    assert answer.json["error"] == "请先完成验证"
    found = challenge(answer)
    # What was refused is not counted, not even for a moment.
    assert budget.traffic(api.services, PREFIX) == budget.Traffic(4, 4, 0)
    assert get(api, STRANGER, solve(found)) == DONE
    assert budget.traffic(api.services, PREFIX) == budget.Traffic(5, 5, 0)
    assert get(api, "13912345678") == DONE
    spring_tokens(api.post("/mobile/token", form={"mobile": "13912345678", "code": api.last_code}, basic=WEB))
    assert (api.counted["CaptchasAsked"], api.counted["CaptchasSolved"]) == (1, 1)


def test_a_part_of_the_addresss_limit_takes_none(open_api: Callable[..., Api]) -> None:
    """Nor of its network's. At the whole limit no captcha helps."""
    api = open_api(limit_sms_ip=4, limit_sms_net=6, captcha_address_percent=50)
    assert [get(api, f"1390000000{n}").status for n in range(4)] == [200, 200, 403, 403]
    for n in (2, 3):
        assert get(api, f"1390000000{n}", solve(challenge(get(api, f"1390000000{n}")))) == DONE
    assert get(api, "13900000004").status == 429
    # The other address of the network finds four of its six used.
    found = challenge(get(api, "13900000004", address="192.0.2.9"))
    assert get(api, "13900000004", solve(found), address="192.0.2.9") == DONE


def test_without_a_captcha_all_is_as_it_was(open_api: Callable[..., Api]) -> None:
    """And a solution is not looked at."""
    api = open_api(captcha="off", sms_unproven=3)
    guard(api, 3)
    assert get(api, STRANGER, "no solution at all") == DONE
    assert api.sent == 3
    assert get(api, ALICES) == DONE
    assert api.sent == 4


def test_where_the_allowance_has_no_end_the_prefix_takes_none(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=0, limit_sms_prefix=10, captcha_prefix_percent=1)
    guard(api, 10)
    assert get(api, STRANGER).status == 429


def test_the_limit_of_a_number_comes_first(open_api: Callable[..., Api]) -> None:
    """No captcha is solved for nothing."""
    api = open_api(sms_unproven=2)
    assert get(api, STRANGER) == DONE
    assert get(api, STRANGER).status == 429


@pytest.mark.parametrize(("name", "value"), [("ALTCHA_COST", "0"), ("ALTCHA_TRIES", "0"), ("CAPTCHA", "none")])
def test_there_is_no_captcha_without_work(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({name: value})


# --- what a solution is good for ---------------------------------------------------------------------------------


def tampered(found: Mapping[str, Any], **changes: Any) -> str:
    """A solution of the challenge with other parameters under its signature."""
    return solve({**found, "parameters": {**found["parameters"], **changes}})


BAD: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "not base64": lambda found: "not base64!",
    "not JSON": lambda found: base64.b64encode(b"nothing").decode(),
    "a list": lambda found: base64.b64encode(b"[]").decode(),
    "a number": lambda found: base64.b64encode(b"7").decode(),
    "no solution": lambda found: base64.b64encode(json.dumps({"challenge": found}).encode()).decode(),
    "a surrogate": lambda found: base64.b64encode(
        json.dumps({"challenge": {"parameters": "\ud800", "signature": "x"}, "solution": {"derivedKey": ""}}).encode()
    ).decode(),
    "a nest": lambda found: base64.b64encode(b"[" * 3000).decode(),
    "too long": lambda found: "A" * 5000,
    "empty key": lambda found: payload(found, 0, b""),
    "the prefix alone": lambda found: payload(found, 0, bytes.fromhex(found["parameters"]["keyPrefix"])),
    "a wrong key": lambda found: payload(found, 0, hashlib.sha256(b"a guess").digest()),
    "difficulty 0": lambda found: tampered(found, keyPrefix="", cost=1),
    "a later end": lambda found: tampered(found, expiresAt=2**40),
    "no signature": lambda found: solve({**found, "signature": ""}),
    "signature of no text": lambda found: solve({**found, "signature": None}),
    "another signature": lambda found: solve({**found, "signature": "0" * 64}),
}


@pytest.mark.parametrize("case", BAD)
def test_a_forged_solution_is_refused_with_a_new_challenge(open_api: Callable[..., Api], case: str) -> None:
    api = open_api(sms_unproven=2)
    guard(api, 1)
    found = challenge(get(api, STRANGER))
    answer = get(api, STRANGER, BAD[case](found))
    assert answer.json["error"] == "验证未通过或已失效，请重新验证"
    assert get(api, STRANGER, solve(challenge(answer))) == DONE


def test_a_key_that_opens_its_own_signature_only(open_api: Callable[..., Api]) -> None:
    """Parameters of one challenge under the signature of another."""
    api = open_api(sms_unproven=2)
    guard(api, 1)
    one, other = challenge(get(api, STRANGER)), challenge(get(api, STRANGER))
    assert get(api, STRANGER, solve({**one, "signature": other["signature"]})).status == 403


def test_a_solution_counts_once(open_api: Callable[..., Api]) -> None:
    """However it is written."""
    api = open_api(sms_unproven=5, captcha_prefix_percent=20, code_resend=0)
    guard(api, 1)
    found = challenge(get(api, STRANGER))
    assert get(api, STRANGER, solve(found)) == DONE
    assert get(api, STRANGER, solve(found)).status == 403
    again = {"signature": found["signature"], "parameters": dict(reversed(found["parameters"].items()))}
    assert get(api, STRANGER, solve(again)).status == 403
    assert api.sent == 2


def test_a_solution_is_for_its_number_and_client(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=5, captcha_prefix_percent=20)
    guard(api, 1)
    solved = solve(challenge(get(api, STRANGER)))
    assert get(api, ALICES, solved).status == 403
    assert get(api, STRANGER, solved, APP).status == 403
    # Neither has used it up.
    assert get(api, STRANGER, solved) == DONE


def test_a_solution_expires(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=5, captcha_prefix_percent=20, captcha_ttl=300)
    guard(api, 1)
    first, second = (solve(challenge(get(api, STRANGER))) for _ in range(2))
    api.time.advance(299)
    assert get(api, STRANGER, first) == DONE
    api.time.advance(1)
    assert get(api, STRANGER, second, address="198.51.100.1").status == 429
    api.time.advance(60)
    assert get(api, STRANGER, second, address="198.51.100.1").status == 403


def test_a_challenge_tells_nothing_of_the_number(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=2)
    guard(api, 1)
    parameters = challenge(get(api, STRANGER))["parameters"]
    assert STRANGER not in json.dumps(parameters)
    assert parameters["data"] == challenge(get(api, STRANGER))["parameters"]["data"]
    assert parameters["nonce"] != challenge(get(api, STRANGER))["parameters"]["nonce"]


# --- a stopped prefix --------------------------------------------------------------------------------------------


def test_a_stopped_prefix_lets_numbers_through_from_its_reserve(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=2, captcha_reserve=2)
    stop(api)
    assert api.counted[f"PrefixStopped country=CN prefix={PREFIX}"] == 1
    before = api.sent
    for number in ("13319999991", "13319999992", "13319999993"):
        assert get(api, number, solve(challenge(get(api, number)))) == DONE
    assert api.sent == before + 2
    # A number with an account does not need it, but is asked like all others.
    assert get(api, ALICES, solve(challenge(get(api, ALICES)))) == DONE
    assert api.outbox[-1].to == f"+86{ALICES}"
    spring_tokens(api.post("/mobile/token", form={"mobile": ALICES, "code": api.last_code}, basic=WEB))
    # Its code has come back, so the prefix is open again.
    assert get(api, "13319999994") == DONE
    assert api.sent == before + 4


def test_what_is_left_of_the_reserve_tells_nothing(open_api: Callable[..., Api]) -> None:
    """Who owns a number without an account sees whether it is sent a code: the same after either number."""
    seen = []
    for asked in (ALICES, STRANGER):
        api = open_api(sms_unproven=2, captcha_reserve=1)
        stop(api)
        assert get(api, asked, solve(challenge(get(api, asked)))) == DONE
        before = api.sent
        own = "13310000777"
        assert get(api, own, solve(challenge(get(api, own)))) == DONE
        seen.append(api.sent - before)
    assert seen == [0, 0]


@pytest.mark.parametrize("limit", ["limit_sms_client", "limit_sms_day", "limit_sms_prefix"])
def test_the_other_limits_hold_for_the_reserve(open_api: Callable[..., Api], limit: str) -> None:
    api = open_api(sms_unproven=2, captcha_reserve=50, **{limit: 4})
    stop(api)
    answers = []
    for n in range(4):
        number = f"1331999999{n}"
        answers.append(get(api, number, solve(challenge(get(api, number)))).status)
    assert answers == [200, 200, 429, 429]
    assert api.sent == 4


def test_a_reserve_is_a_days(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=2, captcha_reserve=1)
    for _ in range(2):
        stop(api)
        before = api.sent
        for n in range(2):
            number = f"1331999999{n}"
            assert get(api, number, solve(challenge(get(api, number)))) == DONE
        assert api.sent == before + 1
        api.time.advance(rate_limits.DAY)


def test_there_may_be_no_reserve(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=2, captcha_reserve=0)
    stop(api)
    before = api.sent
    assert get(api, STRANGER, solve(challenge(get(api, STRANGER)))) == DONE
    assert api.sent == before


# --- a provider that is down -------------------------------------------------------------------------------------


class Down:
    """A provider that cannot be asked."""

    def challenge(self, subject: Subject) -> Mapping[str, Any]:
        return {"provider": "altcha", "challenge": {}}

    def verify(self, solution: str, subject: Subject, address: str) -> Solved:
        raise Unavailable("altcha: no answer")


def test_where_the_provider_is_down_nothing_is_sent(
    open_api: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of the prefix is used up; who needs no captcha does not notice."""
    api = open_api(sms_unproven=10, captcha_prefix_percent=20)
    api.services = replace(api.services, captcha=Down())
    monkeypatch.setattr("lingpai.bootstrap.services", lambda: api.services)
    guard(api, 2)
    for prefix_is_near in (True, False):
        number = STRANGER if prefix_is_near else "13912345678"
        answer = get(api, number, "a solution")
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")
        assert answer.json["error"] == "暂时无法验证，请稍后再试"
    assert get(api, "13912345678") == DONE
    assert get(api, STRANGER).status == 403
    assert budget.traffic(api.services, PREFIX) == budget.Traffic(2, 2, 0)
    assert api.sent == 3
    assert api.counted["CaptchasUnchecked"] == 2


# --- what it costs -----------------------------------------------------------------------------------------------


@dataclass
class Calls:
    """The operations at the wire."""

    seen: list[str] = field(default_factory=list)

    def listen(self, client: Any) -> None:
        client.meta.events.register(
            "before-send.dynamodb",
            lambda request, **_: self.seen.append(request.headers["X-Amz-Target"].decode().partition(".")[2]),
        )

    def of(self, act: Callable[[], Answer]) -> list[str]:
        self.seen.clear()
        act()
        return list(self.seen)


@pytest.fixture
def counted(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, Calls]]:
    calls = Calls()
    with stores.on_dynamodb_local(dynamodb_endpoint, calls.listen, transport="botocore") as store:
        api = make_api(monkeypatch, store, sms_unproven=4, limit_sms_ip=30, **EASY)
        api.services.clients.get_client(WEB[0])
        yield api, calls


def test_a_code_takes_as_many_calls_as_without_a_captcha(counted: tuple[Api, Calls]) -> None:
    """To ask takes the calls up to the limit that is near, a solution one more, the stop's look-up and reserve two."""
    api, calls = counted
    sent = ["GetItem", *["UpdateItem"] * 5]
    assert calls.of(lambda: get(api, "13310000001")) == sent
    assert get(api, "13310000002") == DONE
    assert calls.of(lambda: get(api, STRANGER)) == ["GetItem", *["UpdateItem"] * 2]
    solved = solve(challenge(get(api, STRANGER)))
    assert calls.of(lambda: get(api, STRANGER, solved)) == [*sent, "UpdateItem"]
    assert get(api, "13310000003", solve(challenge(get(api, "13310000003")))) == DONE
    under_a_stop = []
    for number in (ALICES, "13310000004"):
        solved = solve(challenge(get(api, number)))
        under_a_stop.append(calls.of(lambda number=number, solved=solved: get(api, number, solved)))  # type: ignore[misc]
    assert under_a_stop[0] == under_a_stop[1]
    assert len(under_a_stop[0]) == 10


# --- the pages ---------------------------------------------------------------------------------------------------


def ask(browser: Browser, target: str, action: str, number: str) -> Any:
    return browser.submit(browser.get(target).form(action=action), mobile=number)


@pytest.mark.parametrize(
    ("target", "action"), [("/login", "send"), ("/reset", "send"), ("/account?edit=phone", "phone-send")]
)
def test_the_pages_show_it(open_api: Callable[..., Api], target: str, action: str) -> None:
    api = open_api(sms_unproven=2)
    guard(api, 1)
    browser = Browser(api)
    if target.startswith("/account"):
        browser.log_in()
    page = ask(browser, target, action, STRANGER)
    assert page.status == 403
    assert "One more check" in page.text
    form = page.form(action=action, mobile=STRANGER)
    assert form.fields["captcha"] == ""
    # A wrong one is said so, and not tried by itself again.
    assert "data-auto" in page.answer.body
    page = browser.submit(form, captcha="wrong")
    assert "did not succeed" in page.text
    assert "data-auto" not in page.answer.body
    found = json.loads(page.answer.body.split("data-altcha='")[1].split("'")[0])
    page = browser.submit(page.form(action=action, mobile=STRANGER), captcha=solve(found))
    assert page.status == 200
    assert "A code was sent" in page.text
    assert api.outbox[-1].to == f"+86{STRANGER}"


def test_who_has_no_scripts_is_shown_the_password(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=2)
    guard(api, 1)
    page = ask(Browser(api, language="zh"), "/login", "send", STRANGER)
    assert "此步骤需要 JavaScript" in page.text
    assert "/login?way=password" in page.links


OTHERS = {"captcha_id": "0x4AAAAAAAtest", "captcha_key": "a key that nobody needs here"}


@pytest.mark.parametrize("provider", ["geetest", "aliyun"])
def test_captchas_that_the_pages_cannot_show(open_api: Callable[..., Api], provider: str) -> None:
    """They show ALTCHA's, which is good there alone."""
    api = open_api(sms_unproven=2, captcha=provider, **OTHERS)
    guard(api, 1)
    assert get(api, STRANGER).json["captcha"]["provider"] == provider
    page = ask(Browser(api), "/login", "send", STRANGER)
    assert "data-altcha" in page.answer.body
    assert page.answer.headers["content-security-policy"].count("https:") == 0


def test_the_widget_of_turnstile(open_api: Callable[..., Api]) -> None:
    """Its origin is let in on the page that shows it, and nowhere else."""
    api = open_api(sms_unproven=2, captcha="turnstile", **OTHERS)
    guard(api, 1)
    browser = Browser(api)
    page = ask(browser, "/login", "send", STRANGER)
    cdata = Subject(f"+86{STRANGER}", "lingpai:pages").mark(api.services.pepper())
    assert f'data-sitekey="0x4AAAAAAAtest" data-cdata="{cdata}"' in page.answer.body
    policy = page.answer.headers["content-security-policy"]
    assert policy.count("https://challenges.cloudflare.com") == 2
    assert "frame-src https://challenges.cloudflare.com" in policy
    assert "https:" not in browser.get("/login").answer.headers["content-security-policy"]


def test_another_code_for_a_new_number_of_the_account(open_api: Callable[..., Api]) -> None:
    """The button below the field for the code sends it."""
    api = open_api(captcha="off")
    browser = Browser(api)
    browser.log_in()
    page = ask(browser, "/account?edit=phone", "phone-send", STRANGER)
    api.time.advance(60)
    page = browser.submit(page.form(action="phone-send", mobile=STRANGER))
    assert "A code was sent" in page.text
    assert api.sent == 2
