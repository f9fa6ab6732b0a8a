"""The captcha in Chromium: the pages' own script solves it, and so does ALTCHA's widget."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium

from lingpai.captcha.model import Subject
from lingpai.captcha.turnstile import Turnstile
from lingpai.outbound.https import Answer
from tests.browser.site import NUMBER, Site, visit
from tests.support.stores import ROOT

pytestmark = pytest.mark.enable_socket

WIDGET = ROOT / ".cache" / "npm-browser" / "node_modules" / "altcha" / "dist" / "main" / "altcha.umd.cjs"


@pytest.mark.parametrize(("device", "language"), [("phone", "zh"), ("desktop", "en")])
def test_the_page_solves_it_and_goes_on(site: Site, chromium: Chromium, device: str, language: str) -> None:
    with visit(site, chromium, device, language) as visited:
        site.ask_for_captcha(altcha_cost=1000, altcha_tries=200)
        solved = site.api.counted["CaptchasSolved"]
        page = visited.page
        page.goto(f"{site.url}/login")
        page.fill("#mobile", NUMBER)
        page.click("button.main")
        page.wait_for_selector("#code")
        assert site.api.outbox[-1].to == f"+86{NUMBER}"
        page.fill("#code", site.api.last_code)
        page.click("form:not(.resend) button.main")
        page.wait_for_url(f"{site.url}/account")
    assert site.api.counted["CaptchasSolved"] == solved + 1


def test_without_scripts_it_says_so(site: Site, chromium: Chromium) -> None:
    with visit(site, chromium, "phone", "en", java_script_enabled=False) as visited:
        site.ask_for_captcha()
        page = visited.page
        page.goto(f"{site.url}/login")
        page.fill("#mobile", NUMBER)
        page.click("button.main")
        assert "This step needs JavaScript" in page.inner_text("main")
        page.click("text=Log in with a password instead")
        assert page.is_visible("#password")


def test_what_it_says_where_it_cannot_be_solved(site: Site, chromium: Chromium) -> None:
    """A browser without Web Crypto."""
    with visit(site, chromium, "phone", "en") as visited:
        site.ask_for_captcha()
        page = visited.page
        page.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined });")
        page.goto(f"{site.url}/login")
        page.fill("#mobile", NUMBER)
        page.click("button.main")
        page.wait_for_selector("text=Try another browser")


def test_altchas_widget_solves_it(site: Site, chromium: Chromium) -> None:
    """What its form field then holds is the solution."""
    site.forget_sessions()
    site.ask_for_captcha(altcha_cost=1000, altcha_tries=200)
    form = {"mobile": NUMBER}
    answer = site.api.post("/mobile/code/get", form=form, basic=("web-client", "web-secret"))
    challenge = answer.json["captcha"]["challenge"]
    context = chromium.new_context(bypass_csp=True)
    try:
        page = context.new_page()
        page.goto(f"{site.url}/login")
        page.add_script_tag(content=WIDGET.read_text("utf-8"))
        page.wait_for_function("!!customElements.get('altcha-widget')")
        page.evaluate(
            """() => {
              const form = document.createElement("form");
              form.append(document.createElement("altcha-widget"));
              document.body.append(form);
            }"""
        )
        # It has its methods once it is drawn.
        page.wait_for_function("!!document.querySelector('altcha-widget').configure")
        page.evaluate(
            """(challenge) => {
              const widget = document.querySelector("altcha-widget");
              widget.configure({ challenge, minDuration: 0 });
              widget.verify();
            }""",
            challenge,
        )
        page.wait_for_function("document.querySelector('input[name=altcha]')?.value")
        solution = page.input_value("input[name=altcha]")
    finally:
        context.close()
    answer = site.api.post("/mobile/code/get", form={**form, "captcha": solution}, basic=("web-client", "web-secret"))
    assert answer.status == 200, answer


# What Turnstile's script does to the page: a frame of its own, and a field with the token.
TURNSTILE = """
for (const box of document.querySelectorAll(".cf-turnstile")) {
  const frame = document.createElement("iframe");
  frame.src = "https://challenges.cloudflare.com/frame";
  frame.title = "check";
  frame.addEventListener("load", () => {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: box.dataset.responseFieldName, value: "0.token" });
    box.append(field);
  });
  box.append(frame);
}
"""


def test_the_widget_of_turnstile(site: Site, chromium: Chromium) -> None:
    """The policy of the page lets its script and its frame in."""
    site.forget_sessions()
    site.ask_for_captcha()
    services = site.api.services
    settings = services.settings.model_copy(update={"captcha_id": "0x4AAAAAAAtest"})
    asked = list[bytes]()

    class Siteverify:
        def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
            asked.append(body)
            cdata = Subject(f"+86{NUMBER}", "lingpai:pages").mark(services.pepper())
            return Answer(200, {}, json.dumps({"success": True, "cdata": cdata}).encode())

    https: Any = Siteverify()
    turnstile = Turnstile(settings, lambda: "a secret key", services.pepper, https, services.clock)
    site.api.services = replace(services, page_captcha=turnstile)
    context = chromium.new_context(locale="en-GB")
    try:
        page = context.new_page()
        problems = list[str]()
        page.on("console", lambda message: problems.append(message.text) if "Policy" in message.text else None)
        page.route(
            "https://challenges.cloudflare.com/**",
            lambda route: route.fulfill(
                body=TURNSTILE if "api.js" in route.request.url else "<p>checked</p>",
                content_type="text/javascript" if "api.js" in route.request.url else "text/html",
            ),
        )
        page.goto(f"{site.url}/login")
        page.fill("#mobile", NUMBER)
        page.click("button.main")
        page.wait_for_selector("input[name=captcha][value='0.token']", state="attached")
        page.click("button.main")
        page.wait_for_selector("#code")
        assert problems == []
    finally:
        context.close()
    assert [b"response=0.token" in body for body in asked] == [True]
