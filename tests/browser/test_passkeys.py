"""Passkeys in Chromium, by its virtual authenticator (CDP, domain `WebAuthn`): a whole life, and what is refused."""

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import webauthn
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import CDPSession, Page, Request

from lingpai.passkeys.model import Passkey
from tests.browser.site import NAME, PASSWORD, Site, log_in, violations, visit
from tests.browser.test_ways import tab_to

pytestmark = pytest.mark.enable_socket

_OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Authenticator:
    """The virtual authenticator of a page."""

    cdp: CDPSession
    id: str

    @property
    def credentials(self) -> list[Any]:
        """What it keeps."""
        found: list[Any] = self._send("getCredentials")["credentials"]
        return found

    def add(self, credential: Any, **changes: Any) -> None:
        """Put a credential into it."""
        self._send("addCredential", credential={**credential, **changes})

    def verify(self, *, verified: bool) -> None:
        """Whether its users can prove who they are."""
        self._send("setUserVerified", isUserVerified=verified)

    def override(self, **bits: bool) -> None:
        """Answer wrongly: `isBogusSignature`, `isBadUV`, `isBadUP`."""
        self._send("setResponseOverrideBits", **bits)

    def touch(self, *, enabled: bool) -> None:
        """Whether somebody touches it at once when they are asked to."""
        self._send("setAutomaticPresenceSimulation", enabled=enabled)

    def _send(self, method: str, **given: Any) -> Any:
        return self.cdp.send(f"WebAuthn.{method}", {"authenticatorId": self.id, **given})


def authenticator(page: Page, **changes: Any) -> Authenticator:
    """A new authenticator for the page."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**_OPTIONS, **changes}})
    return Authenticator(cdp, made["authenticatorId"])


def register(site: Site, page: Page, name: str = "") -> None:
    """Add a passkey from the account page."""
    page.goto(f"{site.url}/account")
    page.click("a[href='/account?edit=passkey']")
    if name:
        page.fill("#name", name)
    page.click("button.main")
    page.wait_for_url("**/account?note=passkey_added")


def log_out(page: Page) -> None:
    """Forget the login, and nothing of the authenticator."""
    page.context.clear_cookies()


def by_button(site: Site, page: Page) -> None:
    """Ask for a passkey at the login page, which suggests none by itself."""
    page.goto(f"{site.url}/login")
    page.click("form.passkey button")


def kept(site: Site) -> tuple[Passkey, ...]:
    """The passkeys of the account."""
    return site.api.services.store.list_passkeys(site.api.user_id(NAME)).listed


def answers(page: Page) -> list[dict[str, Any]]:
    """The answers of the authenticator that the page sends, from now on."""
    found: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        given = request.post_data_json if request.method == "POST" and request.post_data else {}
        if isinstance(given, dict) and given.get("answer"):
            found.append(json.loads(given["answer"]))

    page.on("request", note)
    return found


@pytest.mark.security("WEBAUTHN-7.1", "WEBAUTHN-7.2")
@pytest.mark.parametrize(("device", "language"), [("phone", "zh"), ("desktop", "en")])
def test_the_life_of_a_passkey(site: Site, chromium: Chromium, device: str, language: str) -> None:
    """Registered, suggested by autofill, presented by the button, named, and removed; `webauthn` (PyPI) agrees."""
    with visit(site, chromium, device, language) as visited:
        page = visited.page
        virtual, sent = authenticator(page), answers(page)
        log_in(site, page)
        register(site, page, "我的手机")
        (passkey,) = kept(site)
        assert (passkey.name, len(virtual.credentials)) == ("我的手机", 1)
        registered = webauthn.verify_registration_response(
            credential=sent[0],
            expected_challenge=challenge_of(sent[0]),
            expected_rp_id="localhost",
            expected_origin=site.url,
            require_user_verification=True,
        )
        assert registered.credential_id == passkey.id

        # By autofill, which the virtual authenticator answers at once.
        log_out(page)
        page.goto(f"{site.url}/login")
        page.wait_for_url("**/account")
        (passkey,) = kept(site)
        assert passkey.used_at
        verified = webauthn.verify_authentication_response(
            credential=sent[1],
            expected_challenge=challenge_of(sent[1]),
            expected_rp_id="localhost",
            expected_origin=site.url,
            credential_public_key=registered.credential_public_key,
            credential_current_sign_count=registered.sign_count,
            require_user_verification=True,
        )
        assert verified.new_sign_count == passkey.counter

        # By the button, on the way to an app.
        log_out(page)
        virtual.touch(enabled=False)
        page.goto(site.authorize())
        page.wait_for_selector("form.passkey button")
        virtual.touch(enabled=True)
        page.click("form.passkey button")
        assert visited.answer().keys() == {"code", "state", "iss"}

        page.goto(f"{site.url}/account")
        page.click("a[href*='edit=rename']")
        page.fill("#name", "旧手机")
        page.click("button.main")
        page.wait_for_url("**/account?note=saved")
        assert page.get_by_text("旧手机").is_visible()
        page.click("form:has(input[value=remove-passkey]) button")
        page.wait_for_url("**/account?note=passkey_removed")
        assert kept(site) == ()

        log_out(page)
        page.goto(f"{site.url}/login")
        page.wait_for_selector(".summary")
        assert page.locator("form.passkey button").is_visible()


def challenge_of(answer: dict[str, Any]) -> bytes:
    """The challenge that an answer was made for."""
    client = json.loads(decoded(answer["response"]["clientDataJSON"]))
    return decoded(client["challenge"])


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def refused(site: Site, page: Page) -> None:
    """The login page says that the passkey was not accepted, and nobody is logged in."""
    page.wait_for_selector(".summary")
    assert "The passkey was not accepted" in page.inner_text(".summary")
    page.goto(f"{site.url}/account")
    assert urlsplit(page.url).path == "/login"


@pytest.mark.security("WEBAUTHN-7.2")
@pytest.mark.parametrize("bits", ["isBogusSignature", "isBadUV", "isBadUP"])
def test_a_wrong_answer(site: Site, chromium: Chromium, bits: str) -> None:
    """A bogus signature; no user verified; nobody present."""
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        virtual = authenticator(page)
        log_in(site, page)
        register(site, page)
        log_out(page)
        virtual.override(**{bits: True})
        page.goto(f"{site.url}/login")
        page.wait_for_selector(".summary")
        virtual.override(**{bits: False})
        assert "The passkey was not accepted" in page.inner_text(".summary")
        assert kept(site)[0].used_at == 0
        page.click("form.passkey button")
        page.wait_for_url("**/account")


@pytest.mark.security("WEBAUTHN-7.2-counter")
def test_a_cloned_authenticator(site: Site, chromium: Chromium) -> None:
    """A copy of the passkey, whose counter is behind, is refused; the original goes on."""
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        virtual = authenticator(page)
        log_in(site, page)
        register(site, page)
        (credential,) = virtual.credentials
        for _ in range(2):
            log_out(page)
            page.goto(f"{site.url}/login")
            page.wait_for_url("**/account")
        counter = kept(site)[0].counter
        log_out(page)
        virtual.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": virtual.id})
        clone = authenticator(page)
        clone.add(credential, signCount=0)
        page.goto(f"{site.url}/login")
        page.wait_for_selector(".summary")
        assert kept(site)[0].counter == counter
        clone.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": clone.id})
        clone.add(credential, signCount=counter + 5)
        page.goto(f"{site.url}/login")
        page.wait_for_url("**/account")


@pytest.mark.security("WEBAUTHN-7.2-backup")
def test_a_changed_backup_eligibility(site: Site, chromium: Chromium) -> None:
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        virtual = authenticator(page, defaultBackupEligibility=True, defaultBackupState=True)
        log_in(site, page)
        register(site, page)
        assert (kept(site)[0].backup_eligible, kept(site)[0].backed_up) == (True, True)
        (credential,) = virtual.credentials
        log_out(page)
        virtual.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": virtual.id})
        authenticator(page).add({**credential, "backupEligibility": False, "backupState": False, "signCount": 50})
        page.goto(f"{site.url}/login")
        page.wait_for_selector(".summary")
        assert kept(site)[0].used_at == 0


@pytest.mark.security("WEBAUTHN-13.4.3")
def test_a_replayed_answer(site: Site, chromium: Chromium) -> None:
    """What was sent once is sent again by another browser, in a form of its own."""
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        authenticator(page)
        sent = answers(page)
        log_in(site, page)
        register(site, page)
        log_out(page)
        page.goto(f"{site.url}/login")
        page.wait_for_url("**/account")
        log_out(page)
        page.context.new_cdp_session(page)
        other = page.context.new_page()
        other.goto(f"{site.url}/login")
        send_answer(other, json.dumps(sent[1]))
        refused(site, other)


@pytest.mark.security("WEBAUTHN-13.4.9")
@pytest.mark.parametrize(("host", "rp_id"), [("localhost", "localhost"), ("evil.localhost", "evil.localhost")])
def test_another_origin_and_another_domain(site: Site, chromium: Chromium, host: str, rp_id: str) -> None:
    """A page at another port signs for its own origin; one at another name, for its own domain."""
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        virtual = authenticator(page)
        log_in(site, page)
        register(site, page)
        (credential,) = virtual.credentials
        log_out(page)
        elsewhere = f"http://{host}:9/"
        evil = page.context.new_page()
        evil.route(elsewhere, lambda route: route.fulfill(body="<p>", content_type="text/html"))
        evil.goto(elsewhere)
        authenticator(evil).add(credential, rpId=rp_id, signCount=50)
        victim = page.context.new_page()
        victim.goto(f"{site.url}/login")
        options = page.request.post(
            f"{site.url}/passkeys/options",
            form={"purpose": "login", "csrf": victim.input_value("form.passkey input[name=csrf]")},
            headers={"sec-fetch-site": "same-origin"},
        ).json()
        send_answer(victim, evil.evaluate(_SIGN, {"challenge": options["challenge"], "rpId": rp_id}))
        refused(site, victim)
        assert kept(site)[0].used_at == 0
        visited.asked[:] = [url for url in visited.asked if url != elsewhere]


def send_answer(page: Page, answer: str) -> None:
    """Send an answer by the form of the login page, past its script."""
    page.evaluate(
        "answer => { const form = document.querySelector('form.passkey');"
        " form.elements.answer.value = answer; form.submit(); }",
        answer,
    )


# What the script of the pages does, at any origin and for any domain.
_SIGN = """async ({challenge, rpId}) => {
  const toBytes = (text) => Uint8Array.from(
    atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const publicKey = {challenge: toBytes(challenge), rpId, userVerification: "required"};
  const made = await navigator.credentials.get({publicKey});
  return JSON.stringify(made.toJSON());
}"""


def test_a_passkey_that_the_device_has_already(site: Site, chromium: Chromium) -> None:
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        authenticator(page)
        log_in(site, page)
        register(site, page)
        page.goto(f"{site.url}/account?edit=passkey")
        page.click("button.main")
        page.get_by_text("This device already has a passkey").wait_for()
        assert len(kept(site)) == 1


def test_nobody_proves_who_they_are(site: Site, chromium: Chromium) -> None:
    """The browser gives no answer; the page says so, and the other ways are there."""
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        virtual = authenticator(page)
        log_in(site, page)
        register(site, page)
        log_out(page)
        virtual.verify(verified=False)
        by_button(site, page)
        page.get_by_text("No passkey was used").wait_for()
        assert page.locator("form.passkey [role=alert]").is_visible()
        assert violations(page) == []
        page.goto(f"{site.url}/login?way=password")
        assert page.locator("#password").is_visible()


@pytest.mark.parametrize(("device", "language"), [("phone", "zh"), ("desktop", "en")])
def test_a_second_factor(site: Site, chromium: Chromium, device: str, language: str) -> None:
    """After a password, on the way to an app. One that nobody touches proves nothing."""
    with visit(site, chromium, device, language) as visited:
        page = visited.page
        virtual = authenticator(page)
        log_in(site, page)
        register(site, page)
        log_out(page)
        virtual.touch(enabled=False)
        page.goto(site.authorize(login_hint=NAME))
        page.fill("#password", PASSWORD)
        page.click("form:has(#password) button.main")
        page.wait_for_url("**/login/second-factor*")
        assert violations(page) == []
        virtual.touch(enabled=True)
        virtual.override(isBogusSignature=True)
        page.click("form.passkey button")
        page.wait_for_selector(".summary")
        virtual.override(isBogusSignature=False)
        page.click("form.passkey button")
        assert visited.answer().keys() == {"code", "state", "iss"}
        assert kept(site)[0].used_at


def test_by_keyboard(site: Site, chromium: Chromium) -> None:
    """The button of the login page, and the form of the account page."""
    with visit(site, chromium, "desktop", "en") as visited:
        page = visited.page
        authenticator(page)
        log_in(site, page)
        page.goto(f"{site.url}/account")
        tab_to(page, "a[href='/account?edit=passkey']")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account?edit=passkey")
        tab_to(page, "button.main")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account?note=passkey_added")
        tab_to(page, "a[href*='edit=rename']")
        tab_to(page, "form:has(input[value=remove-passkey]) button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account?note=passkey_removed")


@pytest.mark.parametrize("scripts", [True, False])
def test_where_there_can_be_none(site: Site, chromium: Chromium, scripts: bool) -> None:
    """At an address of this machine, or without scripts: the login page shows no button, the other page says why."""
    url = site.third_url if scripts else site.url
    with visit(site, chromium, "phone", "en", java_script_enabled=scripts) as visited:
        page = visited.page
        page.goto(f"{url}/login?way=password")
        assert page.locator("form.passkey").count() == 1
        assert not page.locator("form.passkey").is_visible()
        if not scripts:
            log_in(site, page)
            page.goto(f"{url}/account?edit=passkey")
            assert page.get_by_text("This browser cannot create a passkey here").is_visible()
            assert not page.locator("button.main").is_visible()
        visited.asked[:] = [address.replace(site.third_url, site.url) for address in visited.asked]
