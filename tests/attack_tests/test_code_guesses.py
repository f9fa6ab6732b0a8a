"""A hundred guesses at one code, at once, through every door that takes one."""

import hmac
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from lingpai.sms_codes import service as sms_codes
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.crowd import crowd

WEB = ("web-client", "web-secret")
MOBILE = "13912345678"
NUMBER = "+8613912345678"


@dataclass
class Compared:
    """What `codes` compares."""

    count: int = field(default=0)

    def compare_digest(self, one: bytes, other: bytes) -> bool:
        self.count += 1
        return hmac.compare_digest(one, other)

    digest = staticmethod(hmac.digest)


@pytest.fixture
def api(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with stores.on_dynamodb_local(dynamodb_endpoint) as store:
        yield make_api(monkeypatch, store)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    watching = Compared()
    monkeypatch.setattr(sms_codes, "hmac", watching)
    return watching


def send(api: Api) -> str:
    assert api.post("/mobile/code/get", form={"mobile": MOBILE}, basic=WEB).status == 200
    return api.last_code


def verify(api: Api, code: str, address: str) -> Answer:
    return api.post("/mobile/code/verify", form={"mobile": MOBILE, "code": code}, source_ip=address)


def spring(api: Api, code: str, address: str) -> Answer:
    return api.post("/mobile/token", form={"mobile": MOBILE, "code": code}, basic=WEB, source_ip=address)


def usercenter(api: Api, code: str, address: str) -> Answer:
    form = {"client_id": "23", "username": MOBILE, "validateCode": code}
    return api.post("/oauth/token", form=form, source_ip=address)


DOORS = {"verify": verify, "token": spring, "usercenter": usercenter}


@pytest.mark.parametrize("door", [*DOORS, "each in turn"])
def test_a_hundred_guesses_count_as_a_hundred_and_five_are_compared(api: Api, compared: Compared, door: str) -> None:
    right = send(api)
    wrong = [f"{(int(right) + n) % 1_000_000:06d}" for n in range(1, 101)]
    doors = [DOORS[door]] if door in DOORS else list(DOORS.values())
    crowd([partial(doors[n % len(doors)], api, code, f"203.{n}.113.9") for n, code in enumerate(wrong)])
    known = api.services.store.get_code(NUMBER)
    assert known is not None
    assert (known.tries, compared.count) == (100, api.services.settings.code_tries)
    # The right one comes too late, everywhere.
    told = [ask(api, right, "198.51.100.1") for ask in DOORS.values()]
    assert [answer.status for answer in told] == [429, 429, 200]
    assert told[2].json == {"status": 0, "msg": "验证码错误次数过多，请稍后再试"}
    assert compared.count == api.services.settings.code_tries


def test_a_new_code_gives_no_new_guesses(api: Api, compared: Compared) -> None:
    """Sent while the guessing goes on, and guessed at again."""
    settings = api.services.settings
    right = send(api)
    for _ in range(3):
        wrong = [f"{(int(right) + n) % 1_000_000:06d}" for n in random.sample(range(1, 1000), 40)]
        crowd([partial(verify, api, code, f"203.{random.randrange(200)}.113.9") for code in wrong])
        api.time.advance(settings.code_resend)
        right = send(api)
    assert compared.count == settings.code_tries
    assert spring(api, right, "198.51.100.1").status == 429
    api.time.advance(settings.code_tries_window)
    assert spring(api, send(api), "198.51.100.1").status == 200


def at(number: str, door: str, api: Api, token: str) -> Answer:
    """A wrong code for the number at this door, from one and the same address."""
    match door:
        case "verify":
            path, form = "/mobile/code/verify", {"mobile": number, "code": "123456"}
        case "usercenter":
            path, form = "/oauth/token", {"client_id": "23", "username": number, "validateCode": "123456"}
        case _:
            body = {"id": api.user_id("bob"), "phone": number, "code": "123456"}
            return api.post("/users/update", json_body=body, bearer=token, source_ip="203.0.113.9")
    return api.post(path, form=form, source_ip="203.0.113.9")


@pytest.mark.parametrize("door", ["verify", "usercenter", "update"])
def test_an_address_may_not_lock_numbers_for_long(api: Api, door: str) -> None:
    """Who guesses at one number after the other is stopped, and the numbers behind are left in peace."""
    settings = api.services.settings
    token = api.token("bob", "battery staple correct")
    numbers = [f"139{n:08d}" for n in range(100)]
    answers = [at(number, door, api, token) for number in numbers]
    if door != "usercenter":
        told = Counter(answer.status for answer in answers)
        assert told == {400: settings.limit_verify_ip, 429: 100 - settings.limit_verify_ip}
    touched = [number for number in numbers if api.services.store.get_code(f"+86{number}") is not None]
    assert touched == numbers[: settings.limit_verify_ip]


def test_the_address_of_a_client_that_proved_itself_is_not_counted(api: Api) -> None:
    """It may be that of a back end, through which everybody logs in."""
    for n in range(api.services.settings.limit_verify_ip + 20):
        form = {"mobile": f"139{n:08d}", "code": "123456"}
        assert api.post("/mobile/token", form=form, basic=WEB, source_ip="203.0.113.9").status == 400
