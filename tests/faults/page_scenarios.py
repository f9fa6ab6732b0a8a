"""The forms of the pages, as a browser sends them: with its cookies, and the token that binds the form to it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tests.faults.house import House
from tests.faults.scenarios import ALICE, ALICES, ALICES_NUMBER, NEW_NUMBER, STRANGER, Scenario, State
from tests.support.api import Answer
from tests.support.browsers import CALLBACK, VERIFIER, request_pairs
from tests.support.pages import Browser, Form
from tests.support.passkeys import Authenticator

# Where passkeys may be presented (`house`).
ORIGIN = "https://login.example"
# Of a client that is a third party, so that its users are asked.
_AUTHORIZE = f"/oauth/authorize?{urlencode(request_pairs(scope='openid phone'))}"


def _browser(house: House, cookies: dict[str, str] | None = None) -> Browser:
    return Browser(house.api, "zh", cookies=dict(cookies or {}))


def _kept(browser: Browser, form: Form | None = None, **more: Any) -> State:
    return {"cookies": dict(browser.cookies), "form": form, **more}


def _get(target: str) -> Callable[[House, State], Answer]:
    """A page that the browser opens."""
    return lambda house, state: _browser(house, state["cookies"]).call("GET", target).answer


def _send(**filled: str) -> Callable[[House, State], Answer]:
    """The form that the browser has before it; {name} in a field is from the state."""

    def send(house: House, state: State) -> Answer:
        fields = {name: value.format(**state) for name, value in filled.items()}
        return _browser(house, state["cookies"]).send(state["form"], **fields).answer

    return send


def _options(purpose: str) -> Callable[[House, State], Answer]:
    """What the script of the page asks for."""

    def ask(house: House, state: State) -> Answer:
        form = Form("/passkeys/options", {**state["form"].fields, "purpose": purpose})
        return _browser(house, state["cookies"]).send(form).answer

    return ask


def _form_of(target: str, log_in: bool = False, **fields: str) -> Callable[[House], State]:
    """The page is open; `log_in`: by alice, who has another browser and an app logged in as well."""

    def prepare(house: House) -> State:
        browser = _browser(house)
        if log_in:
            _browser(house).log_in(ALICE, ALICES)
            house.api.token()
            browser.log_in(ALICE, ALICES)
        return _kept(browser, browser.get(target).form(**fields))

    return prepare


def _alice(house: House) -> State:
    browser = _browser(house)
    browser.log_in(ALICE, ALICES)
    return _kept(browser)


def _code_sent(target: str, number: str, log_in: bool = False, **fields: str) -> Callable[[House], State]:
    """A code was sent to the number; the form that takes it is open."""

    def prepare(house: House) -> State:
        browser = _browser(house)
        if log_in:
            browser.log_in(ALICE, ALICES)
        page = browser.submit(browser.get(target).form(**fields), mobile=number)
        assert page.status == 200, page.text
        return _kept(browser, page.forms[0], code=house.api.last_code)

    return prepare


def _asked(house: House) -> State:
    """The page that asks for consent is open."""
    browser = _browser(house)
    browser.log_in(ALICE, ALICES)
    return _kept(browser, browser.get(_AUTHORIZE).forms[0])


def _let_in(house: House) -> State:
    """A third party has consent and a session; the account page is open."""
    browser = _browser(house)
    browser.log_in(ALICE, ALICES)
    page = browser.submit(browser.get(_AUTHORIZE).forms[0], action="allow")
    code = page.location.partition("code=")[2].partition("&")[0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = house.api.post("/oauth/token", form=form, basic=("web-app", "web-app-secret"))
    assert answer.status == 200, answer
    return _kept(browser, browser.get("/account").form(action="revoke"))


def _closed(house: House) -> State:
    """The account is closed, and its password proven; the page that offers to keep it is open."""
    browser = _browser(house)
    browser.log_in(ALICE, ALICES)
    browser.submit(browser.get("/account?edit=delete").form(action="delete"), confirm="yes")
    return _kept(browser, browser.log_in(ALICE, ALICES).form(action="keep"))


def _asked_for_passkey(browser: Browser, form: Form) -> Any:
    page = browser.send(Form("/passkeys/options", form.fields))
    assert page.status == 200, page.text
    return page.answer.json


def _created(house: House) -> State:
    """Alice has created a second passkey, and is about to send it. By the first she is logged in elsewhere, too."""
    browser, phone = has_passkey(house)
    other = _browser(house)
    form = other.get("/login").form(action="passkey")
    assert other.submit(form, answer=phone.get(_asked_for_passkey(other, form))).status == 200
    form = browser.get("/account?edit=passkey").form(action="add-passkey")
    return _kept(browser, form, answer=Authenticator(ORIGIN).create(_asked_for_passkey(browser, form)))


def has_passkey(house: House) -> tuple[Browser, Authenticator]:
    """Alice's browser, which is logged in, and the authenticator that has her passkey."""
    browser, phone = _browser(house), Authenticator(ORIGIN)
    browser.log_in(ALICE, ALICES)
    form = browser.get("/account?edit=passkey").form(action="add-passkey")
    page = browser.submit(form, answer=phone.create(_asked_for_passkey(browser, form)))
    assert page.status == 200, page.text
    return browser, phone


def _presented(house: House) -> State:
    """Alice's browser has got an answer by her passkey, and is about to send it."""
    _, phone = has_passkey(house)
    browser = _browser(house)
    form = browser.get("/login").form(action="passkey")
    return _kept(browser, form, answer=phone.get(_asked_for_passkey(browser, form)))


def _second_step(house: House) -> State:
    """Alice has proven her password and got an answer by her passkey, and is about to send it."""
    _, phone = has_passkey(house)
    browser = _browser(house)
    form = browser.log_in(ALICE, ALICES).form(action="passkey")
    return _kept(browser, form, answer=phone.get(_asked_for_passkey(browser, form)))


def _passkey_form(**fields: str) -> Callable[[House], State]:
    """Alice has a passkey; the form of the account page is open."""

    def prepare(house: House) -> State:
        browser, _ = has_passkey(house)
        return _kept(browser, browser.get("/account").form(**fields))

    return prepare


def _rename_form(house: House) -> State:
    browser, _ = has_passkey(house)
    link = next(link for link in browser.get("/account").links if "edit=rename" in link)
    return _kept(browser, browser.get(link).form(action="rename-passkey"))


def _linked(house: House) -> State:
    answer = house.api.post(
        "/users/update",
        json_body={"id": house.api.user_id(ALICE), "openId": "o-of-alice"},
        bearer=house.api.admin(),
    )
    assert answer.status == 200, answer
    browser = _browser(house)
    browser.log_in(ALICE, ALICES)
    return _kept(browser, browser.get("/account").form(action="unlink"))


PAGE_SCENARIOS = [
    Scenario("for a login", "/passkeys/options", _options("login"), _form_of("/login", purpose="login")),
    Scenario(
        "for a new passkey",
        "/passkeys/options",
        _options("register"),
        _form_of("/account?edit=passkey", True, purpose="register"),
    ),
    Scenario("by a passkey", "/login", _send(answer="{answer}"), _presented, 303, once_done=400),
    Scenario("by a passkey", "/login/second-factor", _send(answer="{answer}"), _second_step, 303, once_done=400),
    Scenario("add a passkey", "/account", _send(answer="{answer}"), _created, 303),
    Scenario("rename a passkey", "/account", _send(name="another name"), _rename_form, 303),
    Scenario("remove a passkey", "/account", _send(), _passkey_form(action="remove-passkey"), 303),
    Scenario(
        "by password",
        "/login",
        _send(username=ALICE, password=ALICES),
        _form_of("/login?way=password", action="password"),
        303,
    ),
    Scenario(
        "by a wrong password",
        "/login",
        _send(username=ALICE, password="not hers"),
        _form_of("/login?way=password", action="password"),
        400,
    ),
    Scenario(
        "a new password",
        "/login",
        _send(username=ALICE, oldPassword=ALICES, newPassword=STRANGER),
        _form_of("/login?way=renew", action="renew"),
        303,
    ),
    Scenario("send a code", "/login", _send(mobile=ALICES_NUMBER), _form_of("/login", action="send")),
    Scenario("by code", "/login", _send(code="{code}"), _code_sent("/login", ALICES_NUMBER, action="send"), 303),
    Scenario(
        "by code, first time", "/login", _send(code="{code}"), _code_sent("/login", NEW_NUMBER, action="send"), 303
    ),
    Scenario(
        "by a wrong code", "/login", _send(code="000000"), _code_sent("/login", ALICES_NUMBER, action="send"), 400
    ),
    Scenario("at a provider", "/login", _send(), _form_of("/login", action="provider", provider="google"), 303),
    Scenario("an account", "/register", _send(username="newcomer", password=STRANGER), _form_of("/register"), 303),
    Scenario(
        "a password",
        "/reset",
        _send(code="{code}", newPassword=STRANGER),
        _code_sent("/reset", ALICES_NUMBER),
        303,
    ),
    Scenario("a code", "/oauth/authorize", _get(_AUTHORIZE), _let_in, 303),
    Scenario("allow", "/consent", _send(action="allow"), _asked, 303),
    Scenario("deny", "/consent", _send(action="deny"), _asked, 303),
    Scenario("overview", "/account", _get("/account"), _let_in),
    Scenario("download", "/account", _get("/account?download=json"), _let_in),
    Scenario(
        "profile",
        "/account",
        _send(name="爱丽丝", birthdate="1996-01-05"),
        _form_of("/account?edit=profile", True, action="profile"),
        303,
    ),
    Scenario(
        "password",
        "/account",
        _send(oldPassword=ALICES, newPassword=STRANGER),
        _form_of("/account?edit=password", True, action="password"),
        303,
    ),
    Scenario(
        "number",
        "/account",
        _send(code="{code}"),
        _code_sent("/account?edit=phone", NEW_NUMBER, True, action="phone-send"),
        303,
    ),
    Scenario("link", "/account", _send(), _form_of("/account", True, action="link", provider="google"), 303),
    Scenario("unlink", "/account", _send(), _linked, 303),
    Scenario("end others", "/account", _send(), _form_of("/account", True, action="end-others"), 303),
    Scenario("revoke", "/account", _send(), _let_in, 303),
    Scenario(
        "delete",
        "/account",
        _send(confirm="yes"),
        _form_of("/account?edit=delete", True, action="delete"),
        once_done=403,
    ),
    Scenario("keep", "/login/deletion", _send(), _closed, 303),
    Scenario("confirm", "/oauth/logout", _send(), _form_of("/oauth/logout", True, action="confirm"), once_done=403),
]
