"""Guesses at a name's code, and guesses through a back end: whom they are counted for."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lingpai.clients.service import new_client
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.tokens import BAD_CODE, DONE, WEB, error, spring_tokens

pytestmark = pytest.mark.security("F14")

ALICES = "13312341234"
NUMBER = "13912345678"
BACK_END = ("back-end", "back-end-secret")
HOUR = 3600


@pytest.fixture
def open_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Api]]:
    """Opens an API with settings of its own, and a client that tells its end users' addresses."""
    with stores.for_api() as store:

        def opened(**settings: Any) -> Api:
            api = make_api(monkeypatch, store, **settings)
            store.put_client(new_client(*("back-end", "spring", "back-end-secret"), forwards_address=True))
            return api

        yield opened


def send(api: Api, number: str = ALICES, client: tuple[str, str] = WEB) -> str:
    assert api.post("/mobile/code/get", form={"mobile": number}, basic=client) == DONE
    return api.last_code


def wrong(code: str, step: int = 1) -> str:
    return f"{(int(code) + step) % 1_000_000:06d}"


def by_name(api: Api, username: str, code: str) -> Answer:
    form = {"client_id": "23", "username": username, "validateCode": code}
    return api.post("/oauth/token", form=form)


def by_number(api: Api, code: str, number: str = ALICES, client: tuple[str, str] = WEB, **more: Any) -> Answer:
    return api.post("/mobile/token", form={"mobile": number, "code": code}, basic=client, **more)


def verify(api: Api, code: str, number: str = ALICES) -> Answer:
    return api.post("/mobile/code/verify", form={"mobile": number, "code": code})


# --- names ------------------------------------------------------------------------------------------------


def test_guesses_at_a_name_do_not_count_on_its_number(api: Api) -> None:
    """Nor lock it: a code that is sent afterwards logs in."""
    code = send(api)
    for step in range(1, 8):
        assert by_name(api, "alice", wrong(code, step)).json["status"] == 0
    known = api.services.store.get_code("+86" + ALICES)
    assert known is not None
    assert known.tries == 0
    api.time.advance(60)
    spring_tokens(by_number(api, send(api)))


@pytest.mark.parametrize("name", ["alice", "bob", "nobody-at-all", "n" * 700, "Ａlice"])
def test_every_name_has_five_guesses(api: Api, name: str) -> None:
    """Whether it is anybody's, and whether that has a number: the answers are the same."""
    code = send(api)
    told = [by_name(api, name, wrong(code, step)).json["msg"] for step in range(1, 8)]
    assert told == ["验证码错误或已失效"] * 5 + ["验证码错误次数过多，请稍后再试"] * 2


def test_guesses_at_a_number_do_not_count_on_the_name(api: Api) -> None:
    code = send(api)
    for step in range(1, 7):
        by_number(api, wrong(code, step))
    assert by_name(api, "alice", wrong(code)).json["msg"] == "验证码错误或已失效"


def test_nobody_learns_by_guessing_who_has_which_number(api: Api) -> None:
    """Each number is answered the same whether a name was guessed at or not."""
    send(api)
    for step in range(6):
        by_name(api, "alice", f"00000{step}")
    answers = [[verify(api, f"00001{step}", number) for step in range(6)] for number in (ALICES, NUMBER)]
    assert answers[0] == answers[1]


def test_a_code_dies_after_five_wrong_guesses_by_whatever_door(api: Api) -> None:
    code = send(api)
    for step in range(1, 4):
        by_name(api, "alice", wrong(code, step))
    for step in range(4, 6):
        assert verify(api, wrong(code, step)).status == 400
    assert by_number(api, code) == BAD_CODE
    assert by_name(api, "alice", code).json["status"] == 0
    api.time.advance(60)
    spring_tokens(by_number(api, send(api)))


def test_a_code_lives_after_four(api: Api) -> None:
    code = send(api)
    for step in range(1, 5):
        by_name(api, "alice", wrong(code, step))
    spring_tokens(by_number(api, code))


def test_who_logs_in_by_name_and_code_uses_up_no_guess(api: Api) -> None:
    for _ in range(5):
        assert by_name(api, "alice", send(api)).json["status"] == 1
        api.time.advance(60)
    known = api.services.store.get_code("+86" + ALICES)
    assert known is not None
    assert (known.name_tries, known.tries) == (0, 0)


def test_the_name_has_guesses_again_after_the_window(api: Api) -> None:
    for step in range(6):
        by_name(api, "alice", f"00000{step}")
    api.time.advance(HOUR)
    assert by_name(api, "alice", send(api)).json["status"] == 1


# --- back ends --------------------------------------------------------------------------------------------


def told(address: str) -> dict[str, Any]:
    return {"headers": {"X-End-User-Address": address}, "source_ip": "198.51.100.9"}


def test_a_back_end_that_may_tells_whose_guesses_they_are(open_api: Callable[..., Api]) -> None:
    api = open_api(limit_verify_ip=3)
    numbers = [f"139{n:08d}" for n in range(9)]
    answers = [by_number(api, "123456", number, BACK_END, **told("203.0.113.7")) for number in numbers[:4]]
    assert Counter(answer.status for answer in answers) == {400: 3, 429: 1}
    assert by_number(api, "123456", numbers[4], BACK_END, **told("203.0.114.8")).status == 400


def test_the_header_of_any_other_client_is_not_believed(open_api: Callable[..., Api]) -> None:
    """A client without a secret could be anybody, and one with a secret may pass on what its users send."""
    api = open_api(limit_verify_ip=3)
    store: Any = api.services.store
    store.put_client(new_client("app", "spring", forwards_address=True))
    for client in ({"client_id": "public-client"}, {"client_id": "app"}):
        statuses = [
            api.post(
                "/mobile/token",
                form={"mobile": f"139{n:08d}", "code": "123456", **client},
                headers={"X-End-User-Address": f"203.0.{n}.7"},
                source_ip="198.51.100.9" if client["client_id"] == "app" else "198.51.101.9",
            ).status
            for n in range(4)
        ]
        assert statuses == [400, 400, 400, 429]
    many = [by_number(api, "123456", f"139{n:08d}", WEB, **told("203.0.113.7")).status for n in range(5)]
    assert many == [400] * 5


@pytest.mark.parametrize("address", ["somewhere", "203.0.113.7, 198.51.100.1", "203.0.113.0/24", "::ffff", "1"])
def test_what_is_no_address_is_refused(open_api: Callable[..., Api], address: str) -> None:
    answer = by_number(open_api(), "123456", NUMBER, BACK_END, **told(address))
    if address == "::ffff":
        assert answer == BAD_CODE
    else:
        assert answer == error(400, "invalid_request", "The parameter X-End-User-Address must be one IP address")


@pytest.mark.parametrize("written", ["2001:db8::1", "2001:DB8:0:0::1", "2001:db8::1%eth0"])
def test_an_address_has_one_spelling(open_api: Callable[..., Api], written: str) -> None:
    api = open_api(limit_verify_ip=1)
    assert by_number(api, "123456", NUMBER, BACK_END, **told("2001:db8::1")).status == 400
    assert by_number(api, "123456", ALICES, BACK_END, **told(written)).status == 429


def test_without_an_address_wrong_guesses_are_counted_for_the_client(open_api: Callable[..., Api]) -> None:
    """And for the number. Right ones count for neither, and another client is left alone."""
    api = open_api(limit_verify_client=3)
    send(api, NUMBER)
    spring_tokens(by_number(api, api.last_code, NUMBER))
    answers = [by_number(api, "123456", f"139{n:08d}") for n in range(4)]
    assert [answer.status for answer in answers] == [400, 400, 400, 429]
    api.time.advance(60)
    code = send(api, NUMBER)
    said = error(429, "too_many_requests", "Too many requests: wait before the next", {"retry-after": str(HOUR - 60)})
    assert by_number(api, code, NUMBER) == said
    assert api.services.store.get_code("+8613900000003") is None, "a guess that is refused unread is none"
    app = ("app-client", "app-secret")
    api.time.advance(60)
    spring_tokens(by_number(api, send(api, NUMBER, app), NUMBER, app), scope="app")


def test_the_address_told_counts_for_passwords_and_messages_too(open_api: Callable[..., Api]) -> None:
    api = open_api(**{**stores.GUARDED, "limit_login_ip": 2, "limit_sms_ip": 2})
    form = {"grant_type": "password", "password": "not the right one"}

    def guess(name: str, address: str) -> int:
        return api.post("/oauth/token", form={**form, "username": name}, basic=BACK_END, **told(address)).status

    assert [guess(f"name-{n}", "203.0.113.7") for n in range(3)] == [400, 400, 429]
    assert guess("name-4", "203.0.114.7") == 400

    def ask(number: str, address: str) -> int:
        return api.post("/mobile/code/get", form={"mobile": number}, basic=BACK_END, **told(address)).status

    assert [ask(f"139{n:08d}", "203.0.113.7") for n in range(3)] == [200, 200, 429]
    assert ask("13900000009", "203.0.114.7") == 200
