"""Password logins slow down under guesses, and their owners are let in."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lingpai.accounts import identities
from lingpai.accounts import service as accounts
from lingpai.accounts.storage import DisableUser
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.expect import gives, refuses
from tests.support.tokens import error, spring_tokens

ALICE, RIGHT, WRONG = "alice", "correct horse battery", "not hers at all"
WEB, DJANGO, PASSPORT = ("web-client", "web-secret"), ("django-app", "django-secret"), ("2", "passport-secret")
HOME, AWAY, NEAR_HOME = "198.51.100.7", "203.0.113.9", "198.51.100.8"
WORDS = "Too many failed attempts: wait before the next"
REFUSED = error(400, "invalid_grant", "Bad credentials")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Three tries for a name in fifteen minutes, seven for an address and ten for a network in an hour."""
    with stores.for_api() as store:
        yield make_api(monkeypatch, store, login_tries=3, limit_login_ip=7, limit_login_net=10)


def log_in(api: Api, password: str, name: str = ALICE, address: str = AWAY, client: tuple[str, str] = WEB) -> Answer:
    form = {"grant_type": "password", "username": name, "password": password}
    return api.post("/oauth/token", form=form, basic=client, source_ip=address)


def slowed(seconds: int) -> Answer:
    return error(429, "too_many_requests", WORDS, {"retry-after": str(seconds)})


@pytest.mark.security("ASVS-6.3.1")
@pytest.mark.parametrize("name", [ALICE, "ALICE", "13312341234", "nobody-at-all"])
def test_a_name_has_so_many_wrong_tries_in_a_window(api: Api, name: str) -> None:
    """Somebody's or nobody's: the same answers, and none tells whether the password would have been right."""
    api.time.advance(100)
    assert [log_in(api, WRONG, name) for _ in range(3)] == [REFUSED] * 3
    assert log_in(api, WRONG, name) == log_in(api, RIGHT, name) == slowed(800)
    api.time.advance(799)
    assert log_in(api, RIGHT, name) == slowed(1)
    api.time.advance(1)
    if name != "nobody-at-all":
        spring_tokens(log_in(api, RIGHT, name))
    assert log_in(api, WRONG, name) == REFUSED


def test_tries_are_those_of_a_name_however_it_is_spelled_and_wherever_they_come_from(api: Api) -> None:
    spelled = ["alice", "ALICE", "Ａlice"]
    assert [log_in(api, WRONG, name, f"203.0.{n}.9") for n, name in enumerate(spelled)] == [REFUSED] * 3
    assert log_in(api, RIGHT, ALICE, "203.0.9.9") == slowed(900)


def test_one_name_is_no_matter_to_another(api: Api) -> None:
    for _ in range(4):
        log_in(api, WRONG)
    spring_tokens(log_in(api, "battery staple correct", "bob"))


def test_who_lately_logged_in_well_from_there_is_let_through(api: Api) -> None:
    """Guesses from elsewhere cannot lock the owner out, nor can they from the same network."""
    spring_tokens(log_in(api, RIGHT, address=HOME))
    for _ in range(4):
        log_in(api, WRONG, address=NEAR_HOME)
    assert log_in(api, RIGHT, address=NEAR_HOME) == slowed(900)
    spring_tokens(log_in(api, RIGHT, address=HOME))


def test_a_known_address_has_tries_of_its_own_and_no_more(api: Api) -> None:
    """Somebody else may sit behind it."""
    spring_tokens(log_in(api, RIGHT, address=HOME))
    assert [log_in(api, WRONG, address=HOME) for _ in range(3)] == [REFUSED] * 3
    assert log_in(api, RIGHT, address=HOME) == slowed(900)
    spring_tokens(log_in(api, RIGHT, address=AWAY))


def test_an_address_is_known_for_the_name_that_it_logged_in_to(api: Api) -> None:
    spring_tokens(log_in(api, "battery staple correct", "bob", HOME))
    for _ in range(4):
        log_in(api, WRONG, address=AWAY)
    assert log_in(api, RIGHT, address=HOME) == slowed(900)


def test_an_address_is_forgotten_after_a_month(api: Api) -> None:
    spring_tokens(log_in(api, RIGHT, address=HOME))
    api.time.advance(api.services.settings.login_memory)
    for _ in range(4):
        log_in(api, WRONG)
    assert log_in(api, RIGHT, address=HOME) == slowed(900)


def test_an_address_in_use_is_not_forgotten(api: Api) -> None:
    spring_tokens(log_in(api, RIGHT, address=HOME))
    for _ in range(3):
        api.time.advance(api.services.settings.login_memory - 1)
        spring_tokens(log_in(api, RIGHT, address=HOME))
    for _ in range(4):
        log_in(api, WRONG)
    spring_tokens(log_in(api, RIGHT, address=HOME))


def test_the_last_eight_addresses_are_known(api: Api) -> None:
    addresses = [f"198.51.100.{n}" for n in range(9)]
    for address in addresses:
        api.time.advance(1)
        spring_tokens(log_in(api, RIGHT, address=address))
    for _ in range(4):
        log_in(api, WRONG)
    assert log_in(api, RIGHT, address=addresses[0]) == slowed(891)
    for address in addresses[1:]:
        spring_tokens(log_in(api, RIGHT, address=address))


def test_of_an_ipv6_address_the_network_is_known(api: Api) -> None:
    """Its last 64 bits change from day to day."""
    spring_tokens(log_in(api, RIGHT, address="2001:db8:0:1::1"))
    for _ in range(4):
        log_in(api, WRONG, address="2001:db8:0:2::1")
    spring_tokens(log_in(api, RIGHT, address="2001:db8:0:1:ffff::2"))
    assert log_in(api, RIGHT, address="2001:db8:0:3::1") == slowed(900)


def test_no_address_is_kept_readable(api: Api) -> None:
    """Nor is a mark that would tell which names an address logged in to."""
    spring_tokens(log_in(api, RIGHT, address=HOME))
    spring_tokens(log_in(api, "battery staple correct", "bob", HOME))
    doors = [api.services.store.look_up_login(identities.username_key(name), ()) for name in (ALICE, "bob")]
    marks = {known.mark for door in doors for known in door.addresses}
    assert len(marks) == 2
    assert all(len(mark) == 32 and set(mark) <= set("0123456789abcdef") for mark in marks)


@pytest.mark.security("ASVS-6.3.1")
def test_an_address_has_so_many_wrong_tries_for_all_names(api: Api) -> None:
    assert [log_in(api, WRONG, f"name-{n}") for n in range(7)] == [REFUSED] * 7
    assert log_in(api, RIGHT) == slowed(3600)
    spring_tokens(log_in(api, RIGHT, address="203.0.113.10"))
    api.time.advance(3600)
    spring_tokens(log_in(api, RIGHT))


def test_a_network_has_so_many_wrong_tries(api: Api) -> None:
    for n in range(10):
        assert log_in(api, WRONG, f"name-{n}", f"203.0.113.{n}") == REFUSED
    assert log_in(api, RIGHT, address="203.0.113.99") == slowed(3600)
    spring_tokens(log_in(api, RIGHT, address="203.0.114.99"))


def test_a_right_password_costs_an_address_nothing(api: Api) -> None:
    """A whole school may log in behind one address."""
    for n in range(12):
        name = f"pupil-{n}"
        accounts.create(api.services, name, "long enough to keep")
        spring_tokens(log_in(api, "long enough to keep", name, HOME))


def test_an_address_that_is_trusted_is_not_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of one's own back end, through which everybody logs in. The names are counted all the same."""
    trusting = make_api(
        monkeypatch,
        api.services.store,
        populated=False,
        trusted_addresses="203.0.113.0/28, 2001:db8::/32",
        limit_login_ip=1,
        limit_login_net=1,
        login_tries=3,
    )
    for n in range(5):
        assert log_in(trusting, WRONG, f"name-{n}", "203.0.113.9") == REFUSED
        assert log_in(trusting, WRONG, f"name-{n}", "2001:db8::9") == REFUSED
    assert [log_in(trusting, WRONG, ALICE, "203.0.113.9").status for _ in range(4)] == [400, 400, 400, 429]
    assert [log_in(trusting, WRONG, "another", "203.0.113.16").status for _ in range(2)] == [400, 429]


@pytest.mark.security("RFC9700-4.13")
def test_no_header_is_an_address(api: Api) -> None:
    form = {"grant_type": "password", "username": ALICE, "password": WRONG}
    for n in range(3):
        forged = {"X-Forwarded-For": f"198.51.100.{n}", "Forwarded": "for=198.51.100.7", "X-Real-IP": HOME}
        assert api.post("/oauth/token", form=form, basic=WEB, headers=forged).status == 400
    assert api.post("/oauth/token", form=form, basic=WEB, headers={"X-Forwarded-For": HOME}).status == 429


def test_an_account_that_is_disabled_answers_alike(api: Api) -> None:
    api.services.store.commit(DisableUser(api.user_id(ALICE)))
    assert [log_in(api, RIGHT) for _ in range(4)] == [*[REFUSED] * 3, slowed(900)]


def test_each_dialect_says_it_in_its_own_words(api: Api) -> None:
    for _ in range(3):
        log_in(api, WRONG)
    django = log_in(api, RIGHT, client=DJANGO)
    assert (django.status, django.json, django.headers["retry-after"]) == (
        429,
        {"error": "too_many_requests", "error_description": WORDS, "reason": "slow_down"},
        "900",
    )
    passport = log_in(api, RIGHT, client=PASSPORT)
    said = {"error": "too_many_requests", "message": WORDS, "reason": "slow_down"}
    assert (passport.status, passport.json) == (429, said)
    form = {"client_id": "23", "username": ALICE, "grant_type": "password", "password": RIGHT}
    center = api.post("/oauth/token", form=form, source_ip=AWAY)
    assert (center.status, center.json) == (200, {"status": 0, "msg": "登录失败次数过多，请稍后再试"})


@pytest.mark.security("ASVS-6.3.4")
def test_digests_are_guesses_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    digesting = make_api(monkeypatch, api.services.store, populated=False, login_tries=3, digest_login=True)
    form = {"client_id": "23", "username": ALICE, "md5password": "f" * 32, "shapassword": "f" * 40}
    said = [digesting.post("/oauth/token", form=form, source_ip=AWAY).json["msg"] for _ in range(4)]
    assert said == [*["用户名或密码错误"] * 3, "登录失败次数过多，请稍后再试"]
    assert log_in(digesting, RIGHT) == slowed(900)


def test_the_code_is_a_way_in_that_guesses_at_the_password_do_not_close(api: Api) -> None:
    for _ in range(4):
        log_in(api, WRONG, "13312341234")
    gives_nothing = api.post("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB)
    assert gives_nothing.json == {"status": 200}
    spring_tokens(api.post("/mobile/token", form={"mobile": "13312341234", "code": api.last_code}, basic=WEB))


def test_nought_tries_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, login_tries=0, limit_login_ip=0, limit_login_net=0)
        assert {log_in(api, WRONG).status for _ in range(40)} == {400}
        spring_tokens(log_in(api, RIGHT))
        assert api.services.store.look_up_login(identities.username_key(ALICE), ()).addresses == ()


def test_the_old_password_is_not_to_be_guessed_by_who_has_a_token(api: Api) -> None:
    token = log_in(api, RIGHT, address=HOME).json["access_token"]
    body = {"userId": api.user_id(ALICE), "oldPassword": WRONG, "newPassword": "another good password"}
    for _ in range(3):
        refuses(api.post("/users/pwd/update", json_body=body, bearer=token), 400, "原密码不正确")
    right = body | {"oldPassword": RIGHT}
    slow = "登录失败次数过多，请稍后再试"
    refuses(api.post("/users/pwd/update", json_body=right, bearer=token), 429, slow, {"retry-after": "900"})
    api.time.advance(900)
    assert api.post("/users/pwd/update", json_body=right, bearer=token).json == {"status": 200}


def test_a_name_that_becomes_anothers_meanwhile_lets_nobody_in(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the name and the session."""
    store, admin = api.services.store, api.admin()
    alice = api.user_id(ALICE)
    get_user = store.get_user

    def rename_then_get(user_id: int) -> object:
        if user_id == alice:
            monkeypatch.setattr(store, "get_user", get_user)
            gives(api.post("/users/save", json_body={"id": alice, "username": "alicia"}, bearer=admin))
            accounts.create(replace(api.services), ALICE, "another person's password")
        return get_user(user_id)

    monkeypatch.setattr(store, "get_user", rename_then_get)
    assert log_in(api, RIGHT) == REFUSED
    spring_tokens(log_in(api, RIGHT, "alicia"))
