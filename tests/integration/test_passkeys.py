"""Passkeys through the pages: registered, presented, kept apart, and whatever is wrong with an answer refused."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import webauthn
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, InvalidRegistrationResponse

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.kernel.errors import LingpaiError
from lingpai.passkeys import service as passkeys
from lingpai.passkeys.model import Passkey
from lingpai.passkeys.service import relying_party
from lingpai.second_factors import service as second_factors
from lingpai.sessions import service as sessions
from tests.support.api import Api, make_api
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path
from tests.support.passkeys import AT, BE, BS, UP, UV, Authenticator, changed

ORIGIN = "https://login.example"
DOMAIN = "login.example"
SAME_SITE = {"sec-fetch-site": "same-origin", "origin": "null"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore(), issuer=ORIGIN)


@pytest.fixture
def alice(api: Api) -> Browser:
    browser = Browser(api)
    browser.log_in()
    return browser


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator(ORIGIN)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def asked(browser: Browser, page: Page, purpose: str) -> Page:
    """What the script of the page asks for."""
    fields = {**page.form(purpose=purpose).fields, "name": "whatever else is in the form"}
    return browser.call("POST", "/passkeys/options", fields, SAME_SITE)


def options(browser: Browser, target: str, purpose: str) -> Any:
    """The options for the form of the page at `target`."""
    page = asked(browser, browser.get(target), purpose)
    assert page.status == 200, page.text
    return page.answer.json


def add(browser: Browser, authenticator: Authenticator, name: str = "My phone", **changes: Any) -> Page:
    """Register a passkey from the account page."""
    page = browser.get("/account?edit=passkey")
    answer = authenticator.create(asked(browser, page, "register").answer.json, **changes)
    return browser.submit(page.form(action="add-passkey"), name=name, answer=answer)


def send_login(browser: Browser, answer: str, target: str = "/login") -> Page:
    """Send the answer by the form of the login page, as its script does."""
    return browser.send(browser.get(target).form(action="passkey"), answer=answer)


def log_in(browser: Browser, authenticator: Authenticator, **changes: Any) -> Page:
    """Log in by a passkey; the answer of the form itself."""
    return send_login(browser, authenticator.get(options(browser, "/login", "login"), **changes))


def user(api: Api, name: str = "alice") -> User:
    found = api.services.store.get_user(api.user_id(name))
    assert found is not None
    return found


def kept(api: Api, name: str = "alice") -> tuple[Passkey, ...]:
    return api.services.store.list_passkeys(api.user_id(name)).listed


def session(browser: Browser) -> Any:
    """The session of the browser, as the store has it."""
    store: Any = browser.api.services.store
    presented = sessions.parse(browser.session_cookie)
    assert presented is not None
    return store.browser_sessions[presented.key]


# --- a passkey's life -------------------------------------------------------------------------------------


@pytest.mark.security("WEBAUTHN-5.4", "WEBAUTHN-5.5", "WEBAUTHN-13.4.3", "WEBAUTHN-13.4.7", "WEBAUTHN-14.6.1")
def test_what_the_browser_is_asked_for(api: Api, alice: Browser, phone: Authenticator) -> None:
    """Section 5.4 and 5.5: a new challenge of 32 bytes each time, no attestation, and no passkey made twice."""
    made = options(alice, "/account?edit=passkey", "register")
    challenge = made.pop("challenge")
    handle = base64.urlsafe_b64encode(api.user_id("alice").to_bytes(8)).decode().rstrip("=")
    assert made == {
        "rp": {"id": DOMAIN, "name": DOMAIN},
        "user": {"id": handle, "name": "alice", "displayName": "alice"},
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-7, -8, -257)],
        "timeout": 600_000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
    add(alice, phone)
    again = options(alice, "/account?edit=passkey", "register")
    assert [known["transports"] for known in again["excludeCredentials"]] == [["internal", "hybrid"]]
    login = options(Browser(api), "/login", "login")
    challenges = {challenge, again["challenge"], login.pop("challenge")}
    assert {len(base64.urlsafe_b64decode(text + "=")) for text in challenges} == {32}
    assert len(challenges) == 3
    assert login == {"rpId": DOMAIN, "timeout": 600_000, "allowCredentials": [], "userVerification": "required"}


@pytest.mark.security("WEBAUTHN-7.1", "WEBAUTHN-7.2")
def test_a_passkey_logs_in(api: Api, alice: Browser, phone: Authenticator) -> None:
    page = add(alice, phone, "我的手机 <b>")
    assert page.target == "/account?note=passkey_added"
    for text in ("我的手机 <b>", "Not used yet", "Added 20"):
        assert text in page.text
    api.time.advance(120)
    visitor = Browser(api)
    page = log_in(visitor, phone)
    assert (page.status, page.location) == (303, "/account")
    assert session(visitor).methods == ("pop", "user", "mfa")
    assert "Not used yet" not in visitor.get("/account").text
    (passkey,) = kept(api)
    assert (passkey.name, passkey.counter) == ("我的手机 <b>", 1)
    assert (passkey.backup_eligible, passkey.backed_up) == (True, True)
    assert passkey.used_at == passkey.created_at + 120


def test_a_login_goes_on_to_where_it_was_asked_for(api: Api, alice: Browser, phone: Authenticator) -> None:
    add(alice, phone)
    visitor, target = Browser(api), "/login?continue=%2Faccount%3Fedit%3Dprofile"
    page = send_login(visitor, phone.get(options(visitor, target, "login")), target)
    assert page.location == "/account?edit=profile"


@pytest.mark.security("WEBAUTHN-13.4.6", "MFA-6")
def test_the_last_second_factor(api: Api, alice: Browser, phone: Authenticator) -> None:
    """An account that needs a second factor keeps one; any other loses its recovery codes with the last."""
    page = add(alice, phone)
    services, account = api.services, user(api)
    key, mark = session(alice).key, kept(api)[0].mark
    for code in second_factors.replace_recovery_codes(services, account.id, key):
        LOGS.hush("recovery code", code)
    needed = replace(services, settings=services.settings.model_copy(update={"mfa": "required"}))
    with pytest.raises(LingpaiError, match="conflict: last_second_factor"):
        passkeys.remove(needed, account.id, mark, key)
    assert (len(kept(api)), services.store.get_factors(account.id).recovery is None) == (1, False)
    assert alice.submit(page.form(action="remove-passkey")).target == "/account?note=passkey_removed"
    assert user(api).second_factors == frozenset()
    assert services.store.get_factors(account.id).recovery is None


def test_it_is_named_and_removed(api: Api, alice: Browser, phone: Authenticator) -> None:
    page = add(alice, phone, "x" * 100)
    assert kept(api)[0].name == "x" * 64
    form = alice.get(next(link for link in page.links if "edit=rename" in link)).form(action="rename-passkey")
    assert form.fields["name"] == "x" * 64
    page = alice.submit(form, name=" work laptop ")
    assert page.target == "/account?note=saved"
    assert kept(api)[0].name == "work laptop"
    other = Browser(api)
    log_in(other, phone)
    page = alice.submit(page.form(action="remove-passkey"))
    assert page.target == "/account?note=passkey_removed"
    assert (kept(api), user(api).second_factors) == ((), frozenset())
    assert not other.is_logged_in
    assert alice.is_logged_in
    assert log_in(Browser(api), phone).status == 400
    assert "You have" not in alice.get("/account?edit=rename&passkey=AAAA").text


def test_without_a_name_it_has_that_of_the_browser(api: Api, alice: Browser, phone: Authenticator) -> None:
    add(alice, phone, " ")
    assert kept(api)[0].name == "Chrome on Windows"


def test_every_other_session_ends_with_a_new_passkey(api: Api, alice: Browser, phone: Authenticator) -> None:
    other, token = Browser(api), api.token()
    other.log_in()
    add(alice, phone)
    assert user(api).second_factors == {"passkey"}
    assert not other.is_logged_in
    assert api.post("/users/current", bearer=token).status == 401
    assert alice.is_logged_in


def test_it_is_in_the_data_of_the_account(alice: Browser, phone: Authenticator) -> None:
    add(alice, phone)
    (listed,) = json.loads(alice.get("/account?download=json").answer.body)["passkeys"]
    assert listed == {"name": "My phone", "created_at": listed["created_at"], "used_at": None}


@pytest.mark.security("WEBAUTHN-13.4.6")
def test_ten_at_most(api: Api, alice: Browser, phone: Authenticator) -> None:
    # The first one gives the browser a session of two factors, and its forms another token.
    add(alice, Authenticator(ORIGIN), "key 0")
    page = alice.get("/account?edit=passkey")
    late = phone.create(asked(alice, page, "register").answer.json)
    for number in range(1, 10):
        api.time.advance(1)
        add(alice, Authenticator(ORIGIN), f"key {number}")
    assert [passkey.name for passkey in kept(api)] == [f"key {number}" for number in range(10)]
    page = alice.get("/account?edit=passkey")
    assert asked(alice, page, "register").status == 409
    page = alice.submit(page.form(action="add-passkey"), answer=late)
    assert (page.status, len(kept(api))) == (409, 10)
    assert "10 passkeys at most" in page.text
    assert "/account?edit=passkey" not in alice.get("/account").links


@pytest.mark.security("ASVS-7.5.1")
def test_a_recent_login_is_needed(api: Api, alice: Browser, phone: Authenticator) -> None:
    """To add one and to remove one; not to name it."""
    add(alice, phone)
    page = alice.get("/account?edit=passkey")
    answer = Authenticator(ORIGIN).create(asked(alice, page, "register").answer.json)
    removal = alice.get("/account").form(action="remove-passkey")
    api.time.advance(601)
    assert asked(alice, page, "register").status == 403
    assert path(alice.get("/account?edit=passkey").target) == "/login"
    assert path(alice.submit(page.form(action="add-passkey"), answer=answer).target) == "/login"
    assert path(alice.submit(removal).target) == "/login"
    assert len(kept(api)) == 1


@pytest.mark.parametrize("purpose", ["", "Login", "second-factor", "register"])
def test_options_for_nobody(api: Api, purpose: str) -> None:
    """A visitor gets those for a login, by a form of ours, and no others."""
    browser = Browser(api)
    page = browser.get("/login")
    form = page.form(purpose="login").fields
    assert browser.call("POST", "/passkeys/options", {**form, "purpose": purpose}, SAME_SITE).status == 403
    assert browser.call("POST", "/passkeys/options", {**form, "csrf": "A" * 43}, SAME_SITE).status == 403
    assert browser.call("POST", "/passkeys/options", form, {"sec-fetch-site": "cross-site"}).status == 403
    assert browser.call("GET", "/passkeys/options").status == 405


# --- a way in ---------------------------------------------------------------------------------------------


def bare(api: Api, name: str) -> None:
    """Take the password of the account away, so that its number alone logs in to it."""
    accounts.change(api.services, api.user_id(name), lambda user: replace(user, password=None))


def test_a_passkey_is_a_way_in(api: Api, alice: Browser, phone: Authenticator) -> None:
    """With it the last other one may go; then it may not."""
    add(alice, phone)
    admin = api.admin()
    answer = api.post("/users/phone/remove", json_body={"id": api.user_id("alice")}, bearer=admin)
    assert answer.status == 200
    bare(api, "alice")
    visitor = Browser(api)
    log_in(visitor, phone)
    page = visitor.submit(visitor.get("/account").form(action="remove-passkey"))
    assert (page.status, len(kept(api))) == (409, 1)
    assert "only way to log in" in page.text
    api.time.advance(1)
    add(visitor, Authenticator(ORIGIN), "another")
    visitor.submit(visitor.get("/account").form(action="remove-passkey"))
    assert [passkey.name for passkey in kept(api)] == ["another"]


@pytest.mark.security("WEBAUTHN-7.2-counter")
def test_authenticators_without_a_counter(api: Api, alice: Browser, phone: Authenticator) -> None:
    phone.counter = None
    add(alice, phone)
    for _ in range(2):
        assert log_in(Browser(api), phone).status == 303
    assert kept(api)[0].counter == 0


@pytest.mark.security("WEBAUTHN-7.2-backup")
def test_the_backup_state_is_kept(api: Api, alice: Browser, phone: Authenticator) -> None:
    phone.flags = UP | UV | BE
    add(alice, phone)
    assert kept(api)[0].backed_up is False
    assert log_in(Browser(api), phone, flags=UP | UV | BE | BS).status == 303
    assert kept(api)[0].backed_up is True


def test_a_disabled_account(api: Api, alice: Browser, phone: Authenticator) -> None:
    add(alice, phone)
    accounts.disable(api.services, api.user_id("alice"))
    page = log_in(Browser(api), phone)
    assert page.status == 400
    assert "This account is disabled" in page.text


def test_a_deleted_account_leaves_nothing(api: Api, alice: Browser, phone: Authenticator) -> None:
    user_id = api.user_id("alice")
    add(alice, phone)
    accounts.delete(api.services, user_id)
    assert api.services.store.list_factor_ids(user_id) == ()
    assert log_in(Browser(api), phone).status == 400


# --- what is refused --------------------------------------------------------------------------------------

Spoil = dict[str, Any]
EITHER: dict[str, Spoil] = {
    "another origin": {"origin": "https://evil.example"},
    "a subdomain": {"origin": "https://x.login.example"},
    "another port": {"origin": f"{ORIGIN}:8443"},
    "no HTTPS": {"origin": "http://login.example"},
    "another RP ID": {"rp_id": "evil.example"},
    "another site's page around": {"client": {"crossOrigin": True}},
    "a page around": {"client": {"topOrigin": "https://evil.example"}},
    "crossOrigin of another type": {"client": {"crossOrigin": "false"}},
    "a challenge that was not issued": {"client": {"challenge": "A" * 43}},
    "no challenge": {"client": {"challenge": ""}},
    "nobody present": {"flags": UV | BE | BS},
    "nobody verified": {"flags": UP | BE | BS},
    "backed up, but not eligible": {"flags": UP | UV | BS},
}
REGISTRATIONS: dict[str, Spoil] = {
    **EITHER,
    "another ceremony": {"client": {"type": "webauthn.get"}},
    "an algorithm that was not asked for": {"alg": -35},
    "an unknown algorithm": {"alg": -65535},
}
LOGINS: dict[str, Spoil] = {
    **EITHER,
    "another ceremony": {"client": {"type": "webauthn.create"}},
    "another backup eligibility": {"flags": UP | UV},
    "attested data": {"flags": UP | UV | BE | BS | AT},
}


@pytest.mark.security("WEBAUTHN-7.1", "WEBAUTHN-13.4.9")
@pytest.mark.parametrize("name", REGISTRATIONS)
def test_a_wrong_registration(api: Api, alice: Browser, phone: Authenticator, name: str) -> None:
    page = add(alice, phone, **REGISTRATIONS[name])
    assert page.status == 400
    assert "The passkey was not accepted" in page.text
    assert (kept(api), user(api).second_factors) == ((), frozenset())
    assert page.form(action="add-passkey").action == "/account"


@pytest.mark.security("WEBAUTHN-7.2", "WEBAUTHN-13.4.9")
@pytest.mark.parametrize("name", LOGINS)
def test_a_wrong_login(api: Api, alice: Browser, phone: Authenticator, name: str) -> None:
    add(alice, phone)
    before = kept(api)
    visitor = Browser(api)
    page = log_in(visitor, phone, **LOGINS[name])
    assert page.status == 400
    assert "The passkey was not accepted" in page.text
    assert not visitor.is_logged_in
    assert kept(api) == before
    assert log_in(visitor, phone).status == 303


ALTERED: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "no JSON": lambda _: "{",
    "no object": lambda _: "[]",
    "deep": lambda _: "[" * 20_000,
    "an empty object": lambda _: "{}",
    "no response": lambda answer: changed(answer, "response"),
    "another id": lambda answer: changed(answer, "id", value="AAAA"),
    "another type": lambda answer: changed(answer, "type", value="password"),
    "no text": lambda answer: changed(answer, "response", "clientDataJSON", value=7),
    "no base64": lambda answer: changed(answer, "response", "clientDataJSON", value="é"),
    "no client data": lambda answer: changed(answer, "response", "clientDataJSON", value="bnVsbA"),
    "a list of client data": lambda answer: changed(answer, "response", "clientDataJSON", value="W10"),
}
OF_LOGINS: dict[str, Callable[[str], str]] = {
    "a bogus signature": lambda answer: changed(answer, "response", "signature", value="MEUCIQ"),
    "no signature": lambda answer: changed(answer, "response", "signature"),
    "short data": lambda answer: changed(answer, "response", "authenticatorData", value="AAAA"),
    "no user handle": lambda answer: changed(answer, "response", "userHandle"),
    "a short user handle": lambda answer: changed(answer, "response", "userHandle", value="AAAA"),
    "the handle of nobody": lambda answer: changed(answer, "response", "userHandle", value="__________8"),
}


@pytest.mark.security("WEBAUTHN-7.2")
@pytest.mark.parametrize("name", [*ALTERED, *OF_LOGINS])
def test_an_answer_that_is_none(api: Api, alice: Browser, phone: Authenticator, name: str) -> None:
    """Of whatever form it is, a refusal and never a fault."""
    add(alice, phone)
    visitor = Browser(api)
    answer = {**ALTERED, **OF_LOGINS}[name](phone.get(options(visitor, "/login", "login")))
    assert send_login(visitor, answer).status == 400
    assert not visitor.is_logged_in


@pytest.mark.parametrize("name", ALTERED)
def test_a_registration_that_is_none(api: Api, alice: Browser, phone: Authenticator, name: str) -> None:
    page = alice.get("/account?edit=passkey")
    answer = ALTERED[name](phone.create(asked(alice, page, "register").answer.json))
    assert alice.submit(page.form(action="add-passkey"), answer=answer).status == 400
    for text in ("oA", "AAAA", "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"):
        made = phone.create(asked(alice, page, "register").answer.json)
        made = changed(made, "response", "attestationObject", value=text)
        assert alice.submit(page.form(action="add-passkey"), answer=made).status == 400
    assert kept(api) == ()


@pytest.mark.security("WEBAUTHN-7.2-counter")
def test_a_cloned_authenticator(api: Api, alice: Browser, phone: Authenticator) -> None:
    """A counter that has not grown. The owner's own, which is ahead, goes on."""
    add(alice, phone)
    clone = replace(phone, credentials=list(phone.credentials))
    for _ in range(3):
        assert log_in(Browser(api), phone).status == 303
    for _ in range(3):
        assert log_in(Browser(api), clone).status == 400
    assert kept(api)[0].counter == 3
    assert log_in(Browser(api), phone, counter=None).status == 400
    assert log_in(Browser(api), phone).status == 303


@pytest.mark.security("WEBAUTHN-13.4.3", "ASVS-6.7.2")
def test_a_replayed_challenge(api: Api, alice: Browser, phone: Authenticator) -> None:
    """Each is good once: for a second login by the same answer, and for one that is newly signed."""
    page = alice.get("/account?edit=passkey")
    creation = asked(alice, page, "register").answer.json
    assert alice.submit(page.form(action="add-passkey"), answer=phone.create(creation)).status == 200
    form = alice.get("/account?edit=passkey").form(action="add-passkey")
    assert alice.submit(form, answer=Authenticator(ORIGIN).create(creation)).status == 400
    visitor = Browser(api)
    request = options(visitor, "/login", "login")
    answer = phone.get(request)
    assert send_login(visitor, answer).status == 303
    for again in (answer, phone.get(request)):
        attacker = Browser(api)
        assert send_login(attacker, again).status == 400
        assert not attacker.is_logged_in


@pytest.mark.security("WEBAUTHN-13.4.3")
def test_a_challenge_expires(api: Api, alice: Browser, phone: Authenticator) -> None:
    add(alice, phone)
    visitor = Browser(api)
    answers = [phone.get(options(visitor, "/login", "login")) for _ in range(2)]
    api.time.advance(599)
    assert send_login(visitor, answers[1]).status == 303
    api.time.advance(1)
    assert send_login(Browser(api), answers[0]).status == 400


@pytest.mark.security("WEBAUTHN-13.4.3")
def test_a_challenge_is_for_one_purpose_and_account(api: Api, alice: Browser, phone: Authenticator) -> None:
    bob = Browser(api)
    bob.log_in("bob", "battery staple correct")
    visitor = Browser(api)
    add(alice, phone)
    page = bob.get("/account?edit=passkey")
    of_alice = options(alice, "/account?edit=passkey", "register")
    of_login = options(visitor, "/login", "login")
    creation = asked(bob, page, "register").answer.json
    for challenge in (of_alice["challenge"], of_login["challenge"]):
        answer = phone.create({**creation, "challenge": challenge})
        assert bob.submit(page.form(action="add-passkey"), answer=answer).status == 400
    phone.credentials = phone.credentials[:1]
    for challenge in (of_alice["challenge"], creation["challenge"]):
        assert send_login(visitor, phone.get({**of_login, "challenge": challenge})).status == 400
    assert kept(api, "bob") == ()
    assert send_login(visitor, phone.get(of_login)).status == 303


@pytest.mark.security("WEBAUTHN-7.1-id")
def test_the_credential_id_of_another_account(api: Api, alice: Browser, phone: Authenticator) -> None:
    """Bob registers a passkey with the id of alice's: each goes on to log in to its own account."""
    add(alice, phone)
    bob = Browser(api)
    bob.log_in("bob", "battery staple correct")
    page = bob.get("/account?edit=passkey")
    theirs = Authenticator(ORIGIN)
    body = asked(bob, page, "register").answer.json
    answer = theirs.create(body)
    assert bob.submit(page.form(action="add-passkey"), answer=answer).status == 200
    stolen = replace(theirs.credentials[0], id=phone.credentials[0].id)
    with_alices_id = Authenticator(ORIGIN, credentials=[stolen])
    assert log_in(Browser(api), with_alices_id).status == 400
    of_alice = replace(stolen, user_handle=phone.credentials[0].user_handle)
    assert log_in(Browser(api), Authenticator(ORIGIN, credentials=[of_alice])).status == 400
    visitor = Browser(api)
    log_in(visitor, phone)
    assert "alice" in visitor.get("/account").text


@pytest.mark.security("WEBAUTHN-7.1-id")
def test_a_passkey_is_registered_once(api: Api, alice: Browser, phone: Authenticator) -> None:
    """Section 7.1, within the account."""
    add(alice, phone)
    page = alice.get("/account?edit=passkey")
    creation = asked(alice, page, "register").answer.json
    first = phone.create(creation)
    alice.submit(page.form(action="add-passkey"), answer=first)
    assert len(kept(api)) == 2
    known = kept(api)[1]
    again = _same(options(alice, "/account?edit=passkey", "register"), first)
    passkeys.register(api.services, known.user_id, again, "again", session(alice).key)
    assert kept(api)[1] == known
    assert len(kept(api)) == 2


def _same(creation: Any, first: str) -> str:
    """An answer for this challenge that holds the credential of an earlier one."""
    client = {"type": "webauthn.create", "challenge": creation["challenge"], "origin": ORIGIN, "crossOrigin": False}
    text = base64.urlsafe_b64encode(json.dumps(client).encode()).decode().rstrip("=")
    return changed(first, "response", "clientDataJSON", value=text)


# --- as a second factor -----------------------------------------------------------------------------------


def second_step(browser: Browser) -> Page:
    """The page that asks for the second factor, after a password."""
    page = browser.log_in()
    assert path(page.target) == "/login/second-factor"
    return page


def prove(browser: Browser, page: Page, authenticator: Authenticator, **changes: Any) -> Page:
    """Prove the second factor by a passkey; the answer of the form itself."""
    asking = asked(browser, page, "second-factor")
    assert asking.status == 200, asking.text
    return browser.send(page.form(action="passkey"), answer=authenticator.get(asking.answer.json, **changes))


@pytest.mark.security("WEBAUTHN-7.2", "WEBAUTHN-5.5")
def test_a_second_factor(api: Api, alice: Browser, phone: Authenticator) -> None:
    """After a password, by a passkey of the account, whether its user was verified or not."""
    add(alice, phone)
    visitor = Browser(api)
    page = second_step(visitor)
    request = asked(visitor, page, "second-factor").answer.json
    (known,) = request.pop("allowCredentials")
    assert decoded(known["id"]) == phone.credentials[0].id
    assert {**request, "challenge": ""} == {
        "rpId": DOMAIN,
        "challenge": "",
        "timeout": 600_000,
        "userVerification": "preferred",
    }
    assert not visitor.is_logged_in
    reply = prove(visitor, page, phone, flags=UP | BE | BS)
    assert (reply.status, reply.location) == (303, "/account")
    assert session(visitor).methods == ("pwd", "pop", "mfa")
    assert visitor.is_logged_in


@pytest.mark.security("WEBAUTHN-7.2")
@pytest.mark.parametrize("name", [name for name in LOGINS if name != "nobody verified"])
def test_a_wrong_second_factor(api: Api, alice: Browser, phone: Authenticator, name: str) -> None:
    add(alice, phone)
    visitor = Browser(api)
    page = prove(visitor, second_step(visitor), phone, **LOGINS[name])
    assert page.status == 400
    assert "The passkey was not accepted" in page.text
    assert not visitor.is_logged_in
    assert prove(visitor, page, phone).status == 303


@pytest.mark.security("WEBAUTHN-7.2", "WEBAUTHN-13.4.3")
def test_the_second_factor_of_another(api: Api, alice: Browser, phone: Authenticator) -> None:
    """Another account's passkey, and a challenge that was issued for another account or purpose, prove nothing."""
    bob, theirs = Browser(api), Authenticator(ORIGIN)
    bob.log_in("bob", "battery staple correct")
    add(alice, phone)
    add(bob, theirs)
    visitor = Browser(api)
    page = second_step(visitor)
    request = asked(visitor, page, "second-factor").answer.json
    form = page.form(action="passkey")
    assert visitor.send(form, answer=theirs.get({**request, "allowCredentials": []})).status == 400
    for purpose in ("login", "second-factor"):
        other = Browser(api)
        if purpose == "login":
            elsewhere = options(other, "/login", "login")
        else:
            step = other.log_in("bob", "battery staple correct")
            elsewhere = asked(other, step, "second-factor").answer.json
        assert visitor.send(form, answer=phone.get({**request, "challenge": elsewhere["challenge"]})).status == 400
    assert send_login(Browser(api), phone.get(request)).status == 400
    assert not visitor.is_logged_in
    assert visitor.send(form, answer=phone.get(request)).status == 303


@pytest.mark.security("WEBAUTHN-13.4.3")
def test_a_second_factor_is_used_once(api: Api, alice: Browser, phone: Authenticator) -> None:
    add(alice, phone)
    visitor, other = Browser(api), Browser(api)
    page, elsewhere = second_step(visitor), second_step(other)
    request = asked(visitor, page, "second-factor").answer.json
    answer = phone.get(request)
    assert visitor.send(page.form(action="passkey"), answer=answer).status == 303
    for again in (answer, phone.get(request)):
        assert other.send(elsewhere.form(action="passkey"), answer=again).status == 400
    assert not other.is_logged_in


def test_a_new_passkey_proves_a_second_factor(api: Api, alice: Browser, phone: Authenticator) -> None:
    """So whoever adds one is not asked for it at once."""
    page = add(alice, phone)
    assert page.target == "/account?note=passkey_added"
    assert session(alice).methods == ("pwd", "pop", "user", "mfa")
    assert alice.get("/account").status == 200


# --- the relying party ------------------------------------------------------------------------------------


@pytest.mark.security("WEBAUTHN-13.1")
@pytest.mark.parametrize(
    ("issuer", "settings", "expected"),
    [
        ("https://login.example", {}, ("login.example", ("https://login.example",))),
        ("https://login.example:8443/sub", {}, ("login.example", ("https://login.example:8443",))),
        ("https://LOGIN.example:443", {}, ("login.example", ("https://login.example",))),
        ("http://localhost:3000", {}, ("localhost", ("http://localhost:3000",))),
        ("http://a.localhost:3000", {}, ("a.localhost", ("http://a.localhost:3000",))),
        ("http://127.0.0.1:3000", {}, None),
        ("https://192.0.2.1", {}, None),
        ("https://[2001:db8::1]", {}, None),
        ("http://login.example", {}, None),
        ("", {}, None),
        ("https://login.example", {"webauthn_rp_id": "example"}, ("example", ("https://login.example",))),
        (
            "http://127.0.0.1:3000",
            {"webauthn_rp_id": "localhost", "webauthn_origins": "http://localhost:3000"},
            ("localhost", ("http://localhost:3000",)),
        ),
        (
            "https://login.example",
            {"webauthn_origins": "https://login.example,https://app.example"},
            ("login.example", ("https://login.example", "https://app.example")),
        ),
    ],
)
def test_the_relying_party(
    monkeypatch: pytest.MonkeyPatch, issuer: str, settings: dict[str, str], expected: tuple[str, Any] | None
) -> None:
    api = make_api(monkeypatch, MemoryStore(), populated=False, issuer=issuer, **settings)
    found = relying_party(api.services)
    assert (found and (found.id, found.origins)) == expected


def test_pages_that_can_have_no_passkey_offer_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """At an address of the local server: no form, no script, nothing that may be fetched."""
    browser = Browser(make_api(monkeypatch, MemoryStore(), issuer="http://127.0.0.1:3000"))
    logged_in = Browser(browser.api)
    logged_in.log_in()
    for visitor, target in (
        (browser, "/login"),
        (browser, "/login?way=password"),
        (logged_in, "/account?edit=passkey"),
    ):
        page = visitor.get(target)
        assert "passkeys.js" not in page.answer.body
        assert "webauthn" not in page.answer.body
        assert "connect-src" not in page.answer.headers["content-security-policy"]
        assert [form for form in page.forms if "purpose" in form.fields] == []
    assert "/account?edit=passkey" not in logged_in.get("/account").links
    fields = {**browser.get("/login").form(action="send").fields, "purpose": "login"}
    assert browser.call("POST", "/passkeys/options", fields, SAME_SITE).status == 403


@pytest.mark.security("WEBAUTHN-13.4.2", "WEBAUTHN-13.4.8")
def test_pages_that_ask_for_passkeys(api: Api, alice: Browser) -> None:
    """Their policy lets their script ask this server, and nobody else; what can be suggested is said in the fields."""
    visitor = Browser(api)
    size = 0
    for browser, target in ((visitor, "/login"), (visitor, "/login?way=password"), (alice, "/account?edit=passkey")):
        page = browser.get(target)
        policy = dict(part.partition(" ")[::2] for part in page.answer.headers["content-security-policy"].split("; "))
        assert policy["connect-src"] == "'self'"
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        nonce = policy["script-src"].removeprefix("'nonce-").removesuffix("'")
        assert page.answer.body.count(f'nonce="{nonce}"') == 4
        size = max(size, len(page.answer.body))
    assert 'autocomplete="tel webauthn"' in visitor.get("/login").answer.body
    assert 'autocomplete="username webauthn"' in visitor.get("/login?way=password").answer.body
    for name in ("/assets/pages.css", "/assets/pages.js", "/assets/passkeys.js"):
        asset = visitor.get(name)
        assert asset.status == 200
        size += len(asset.answer.body)
    assert size < 30_000, "the first visit, not even compressed"
    assert "connect-src" not in visitor.get("/register").answer.headers["content-security-policy"]


# --- verified by somebody else ----------------------------------------------------------------------------


WRONG: tuple[Spoil, ...] = ({"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"flags": UP | BE | BS})


@pytest.mark.security("WEBAUTHN-7.1", "WEBAUTHN-7.2")
def test_another_library_agrees(api: Api, alice: Browser, phone: Authenticator) -> None:
    """`webauthn` (PyPI) verifies the same answers, and refuses the same wrong ones."""
    page = alice.get("/account?edit=passkey")
    creation = asked(alice, page, "register").answer.json
    expected: Any = {"expected_rp_id": DOMAIN, "expected_origin": ORIGIN, "require_user_verification": True}
    expected["expected_challenge"] = decoded(creation["challenge"])
    for spoil in WRONG:
        with pytest.raises(InvalidRegistrationResponse):
            webauthn.verify_registration_response(credential=phone.create(creation, **spoil), **expected)
    phone.credentials.clear()
    answer = phone.create(creation)
    registered = webauthn.verify_registration_response(credential=answer, **expected)
    assert alice.submit(page.form(action="add-passkey"), answer=answer).status == 200
    (passkey,) = kept(api)
    assert registered.credential_id == passkey.id
    assert registered.sign_count == passkey.counter
    assert registered.credential_backed_up == passkey.backed_up
    assert passkey.credential.endswith(registered.credential_public_key)

    visitor = Browser(api)
    request = options(visitor, "/login", "login")
    expected["expected_challenge"] = decoded(request["challenge"])
    expected["credential_public_key"] = registered.credential_public_key
    expected["credential_current_sign_count"] = passkey.counter
    for spoil in WRONG:
        given = phone.get(request, **spoil)
        with pytest.raises(InvalidAuthenticationResponse):
            webauthn.verify_authentication_response(credential=given, **expected)
        assert send_login(visitor, given).status == 400
    given = phone.get(request)
    verified = webauthn.verify_authentication_response(credential=given, **expected)
    assert send_login(visitor, given).status == 303
    assert verified.new_sign_count == kept(api)[0].counter


def test_a_passkey_keeps_an_account_that_is_to_be_deleted(api: Api, alice: Browser, phone: Authenticator) -> None:
    """It proves two factors, so nothing more is asked for."""
    add(alice, phone)
    browser = Browser(api)
    log_in(browser, phone)
    page = browser.submit(browser.get("/account?edit=delete").form(action="delete"), confirm="yes")
    assert "Your account is closed" in page.text
    page = log_in(browser, phone)
    assert (page.status, page.location) == (303, "/login/deletion")
    page = browser.submit(browser.get("/login/deletion").form(action="keep"))
    assert page.target == "/account"
    assert user(api).closes_at is None
