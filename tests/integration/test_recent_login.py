"""Who may change how an account is logged in to: its owner, by a recent login or by fresh proof."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.identities import openid_key
from lingpai.accounts.storage import ChangeUser, PutIdentity
from lingpai.kernel.errors import unavailable
from lingpai.sessions.service import parse
from lingpai.sessions.storage import PutSession
from tests.support.api import Answer, Api, make_api
from tests.support.expect import everything, refuses, standing_api, succeeds
from tests.support.people import PASSWORD, WEB, Person, can_log_in, is_alive, machine, new_number, somebody

pytestmark = pytest.mark.security("F11")

ASKED = "请重新登录，或提供密码或验证码，再更改登录方式"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    off: dict[str, Any] = dict.fromkeys(
        ("limit_sms_ip", "limit_sms_net", "limit_sms_client", "limit_sms_day", "sms_unproven"), 0
    )
    with standing_api(**off) as standing:
        yield standing


def code_for(api: Api, number: str, **more: str) -> str:
    answer = api.post("/mobile/code/get", form={"mobile": number, **more}, basic=WEB)
    assert answer.status == 200, answer
    return api.last_code


def is_asked_for(answer: Answer, text: str = ASKED) -> None:
    """A login, or fresh proof."""
    assert answer.status == 403, answer
    assert answer.json == {"status": 403, "error": text, "reason": "recent_login_required"}


def stale(person: Person) -> Any:
    """The tokens of a login that is not recent any more."""
    tokens = person.log_in()
    person.api.time.advance(person.api.services.settings.recent_login + 1)
    return tokens


def new_phone(person: Person, token: str, **proof: Any) -> Answer:
    number = new_number()
    body = {"id": person.id, "phone": number, "code": code_for(person.api, number), **proof}
    return person.api.post("/users/update", json_body=body, bearer=token)


def remove(person: Person, token: str, **proof: Any) -> Answer:
    return person.api.post("/users/phone/remove", json_body={"id": person.id, **proof}, bearer=token)


def unlink(person: Person, token: str, **proof: Any) -> Answer:
    store: Any = person.api.services.store
    known = person.stored()
    store.commit(*_with_openid(known))
    body = {"provider": "trusted", **proof}
    return person.api.post("/users/identities/unlink", json_body=body, bearer=token)


def _with_openid(user: Any) -> Any:
    openid = f"openid-{user.id}"
    return (
        ChangeUser(user, replace(user, openids=(("trusted:default", openid),))),
        PutIdentity(openid_key("trusted:default", openid), user.id),
    )


CHANGES: dict[str, Callable[..., Answer]] = {"phone": new_phone, "remove": remove, "unlink": unlink}
each = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@each
def test_a_recent_login_is_enough(api: Api, change: Callable[..., Answer]) -> None:
    """And it ends the account's other sessions, but not its own."""
    person = somebody(api, number=True)
    other, mine = person.log_in(), person.log_in()
    api.time.advance(api.services.settings.recent_login)
    assert change(person, mine["access_token"]).status == 200
    assert is_alive(api, other) == (False, False)
    assert is_alive(api, mine) == (True, True)


@pytest.mark.security("ASVS-7.5.1")
@each
def test_an_old_login_is_not(api: Api, change: Callable[..., Answer]) -> None:
    """Nor does a refresh make it one; nothing is changed."""
    person = somebody(api, number=True)
    form = {"grant_type": "refresh_token", "refresh_token": stale(person)["refresh_token"]}
    token = api.post("/oauth/token", form=form, basic=WEB).json["access_token"]
    before = person.stored()
    is_asked_for(change(person, token))
    after = person.stored()
    assert (after.mobile, after.password) == (before.mobile, before.password)


@pytest.mark.security("ASVS-10.3.4")
@each
def test_a_session_that_does_not_know_its_login_is_not_recent(api: Api, change: Callable[..., Answer]) -> None:
    person = somebody(api, number=True)
    token = person.token
    store: Any = api.services.store
    presented = parse(token)
    assert presented is not None
    session = store.get_session(presented.key)
    store.end_sessions((presented.key,))
    store.commit(PutSession(replace(session, auth_time=0, methods=()), session.ends_at))
    is_asked_for(change(person, token))


@pytest.mark.security("ASVS-7.5.1")
@each
def test_the_password_proves_the_account(api: Api, change: Callable[..., Answer]) -> None:
    person = somebody(api, number=True)
    token = stale(person)["access_token"]
    is_asked_for(change(person, token, password="not the password"), "密码不正确")
    api.time.advance(60)
    fresh = somebody(api, number=True)
    token = stale(fresh)["access_token"]
    assert change(fresh, token, password=PASSWORD).status == 200


@each
def test_a_code_to_the_present_number_proves_the_account(api: Api, change: Callable[..., Answer]) -> None:
    """One for this purpose, and once."""
    person = somebody(api, number=True)
    assert person.number
    token = stale(person)["access_token"]
    login = code_for(api, person.number)
    is_asked_for(change(person, token, oldCode=login), "验证码错误或已失效")
    api.time.advance(60)
    other = somebody(api, number=True)
    assert other.number
    token = stale(other)["access_token"]
    code = code_for(api, other.number, purpose="change")
    assert change(other, token, oldCode=code).status == 200
    known = api.services.store.get_code("+86" + other.number)
    assert known is not None
    assert known.digest is None


@pytest.mark.security("F19")
@each
def test_a_change_by_a_code_can_be_repeated(
    api: Api, monkeypatch: pytest.MonkeyPatch, change: Callable[..., Answer]
) -> None:
    """Where it failed after its transaction, which used the code up. Whoever else brings that code has none."""
    person, other = somebody(api, number=True), somebody(api, number=True)
    assert person.number
    token, others = stale(person)["access_token"], stale(other)["access_token"]
    code = code_for(api, person.number, purpose="change")
    with monkeypatch.context() as patched:
        sent: list[Any] = []

        def broken(*_: Any) -> None:
            raise unavailable()

        def recorded(*args: Any, **more: Any) -> Answer:
            sent.append((args, more))
            return post(*args, **more)

        post = api.post
        patched.setattr(type(api.services.store), "end_sessions", broken)
        patched.setattr(Api, "post", lambda _, *args, **more: recorded(*args, **more))
        assert change(person, token, oldCode=code).status == 503
    args, more = sent[-1]
    assert api.post(*args, **more).status == 200
    assert remove(other, others, oldCode=code).status == 403
    api.time.advance(61)
    assert api.post(*args, **more).status == 403


def test_guesses_at_the_password_are_limited(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    limited = make_api(monkeypatch, api.services.store, populated=False, login_tries=2)
    person = somebody(limited)
    token = stale(person)["access_token"]
    for _ in range(2):
        is_asked_for(new_phone(person, token, password="not the password"), "密码不正确")
        limited.time.advance(60)
    assert new_phone(person, token, password=PASSWORD).status == 429


def test_the_code_of_the_new_number_is_needed_all_the_same(api: Api) -> None:
    """And it does not prove the account."""
    person, number = somebody(api), new_number()
    token = person.token
    body = {"id": person.id, "phone": number, "password": PASSWORD}
    refuses(api.post("/users/update", json_body=body, bearer=token), 400, "缺少参数 code")
    is_asked_for(new_phone(person, stale(person)["access_token"]))


def test_without_proof_no_guess_is_counted(api: Api) -> None:
    """Whoever holds a stolen token cannot lock the number that its owner is about to take."""
    person = somebody(api)
    token, number = stale(person)["access_token"], new_number()
    code_for(api, number)
    before = everything(api)
    body = {"id": person.id, "phone": number, "code": "123456"}
    is_asked_for(api.post("/users/update", json_body=body, bearer=token))
    assert everything(api) == before


def test_the_old_password_is_fresh_proof(api: Api) -> None:
    person = somebody(api)
    token = stale(person)["access_token"]
    body = {"userId": person.id, "oldPassword": PASSWORD, "newPassword": "another good password"}
    succeeds(api.post("/users/pwd/update", json_body=body, bearer=token))


def test_an_admin_changes_other_accounts_without_it(api: Api) -> None:
    admin = api.log_in("admin", "admin-of-the-gate")["access_token"]
    person = somebody(api, number=True)
    tokens = person.log_in()
    api.time.advance(api.services.settings.recent_login + 1)
    body = {"id": person.id, "phone": new_number()}
    succeeds(api.post("/users/update", json_body=body, bearer=admin))
    assert is_alive(api, tokens) == (False, False), "what logged in to it may be another's by now"
    succeeds(api.post("/users/phone/remove", json_body={"id": person.id}, bearer=machine(api)))
    succeeds(
        api.post("/users/save", json_body={"id": person.id, "password": "another good password"}, bearer=admin),
        person.id,
    )


def test_an_admin_changes_their_own_account_as_everybody(api: Api) -> None:
    person = somebody(api, roles={1}, number=True)
    token = stale(person)["access_token"]
    is_asked_for(new_phone(person, token))
    is_asked_for(remove(person, token))
    body = {"id": person.id, "password": "another good password"}
    is_asked_for(api.post("/users/save", json_body=body, bearer=token))
    succeeds(api.post("/users/save", json_body=body, bearer=person.token), person.id)


def test_in_english(api: Api) -> None:
    person = somebody(api, number=True)
    token = stale(person)["access_token"]
    body = {"id": person.id}
    answer = api.post("/users/phone/remove", json_body=body, bearer=token, headers={"Accept-Language": "en"})
    is_asked_for(
        answer, "Log in again, or prove the account by its password or a code, before you change how it is logged in to"
    )


# --- the number that was left -----------------------------------------------------------------------------


@pytest.mark.security("ASVS-6.3.7")
@pytest.mark.parametrize("change", [new_phone, remove], ids=["replaced", "removed"])
@pytest.mark.parametrize("by", ["owner", "admin"])
def test_the_old_number_gets_a_message(api: Api, change: Callable[..., Answer], by: str) -> None:
    person = somebody(api, number=True)
    token = person.token if by == "owner" else api.admin()
    assert change(person, token).status == 200
    message = api.outbox[-1]
    assert (message.to, message.purpose, message.code) == (f"+86{person.number}", "notice", "")
    assert message.text == "您的账号已不再使用此手机号登录。如非本人操作，请立即联系我们。"


def test_a_first_number_tells_nobody(api: Api) -> None:
    person = somebody(api)
    before = len(api.outbox)
    assert new_phone(person, person.token).status == 200
    assert [message.purpose for message in api.outbox[before:]] == ["login"]


def test_the_message_counts_against_the_limits(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over the limit is not sent, and undoes nothing."""
    limited = make_api(monkeypatch, api.services.store, populated=False, limit_sms_day=1)
    limited.time.advance(20 * 86400)
    for sent in (1, 0):
        person, before = somebody(limited, number=True), limited.sent
        assert remove(person, person.token).status == 200
        assert limited.sent - before == sent
        assert person.stored().mobile is None
    assert limited.counted["NoticesLost"] == 1


# --- taking the number away -------------------------------------------------------------------------------


@pytest.mark.security("F12")
def test_a_number_is_removed_by_its_owner(api: Api) -> None:
    """And then is free: its next holder gets an account of their own."""
    person = somebody(api, number=True)
    assert person.number
    succeeds(remove(person, person.token))
    assert not can_log_in(api, person.number)
    form = {"mobile": person.number, "code": code_for(api, person.number)}
    token = api.post("/mobile/token", form=form, basic=WEB).json["access_token"]
    assert api.post("/users/current", bearer=token).json["message"]["id"] != person.id


@pytest.mark.security("F12")
def test_its_owner_keeps_another_way_in(api: Api) -> None:
    """An admin may take the last one: the number may be another person's by now."""
    person = somebody(api, number=True, username=False, password=False)
    assert person.number
    form = {"mobile": person.number, "code": code_for(api, person.number)}
    tokens = api.post("/mobile/token", form=form, basic=WEB).json
    refuses(remove(person, tokens["access_token"]), 409, "不能解除唯一的登录方式")
    assert is_alive(api, tokens) == (True, True)
    succeeds(remove(person, api.admin()))
    assert is_alive(api, tokens) == (False, False)
    assert person.stored().mobile is None


@pytest.mark.security("F12")
def test_who_may_remove_a_number(api: Api) -> None:
    person, other = somebody(api, number=True), somebody(api)
    answer = remove(person, other.token)
    assert answer.status == 403
    assert remove(person, "").status == 401
    missing = api.post("/users/phone/remove", json_body={}, bearer=person.token)
    refuses(missing, 400, "缺少参数 id")
    refuses(api.post("/users/phone/remove", json_body={"id": 4711}, bearer=api.admin()), 404, "用户不存在")


@pytest.mark.security("F12")
def test_to_remove_no_number_is_no_mistake(api: Api) -> None:
    person = somebody(api)
    before = api.sent
    succeeds(remove(person, person.token))
    assert api.sent == before
