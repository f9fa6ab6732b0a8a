"""The console in Chromium: each task in both languages, by keyboard too, and without scripts; axe-core everywhere."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from lingpai.sms import budget
from tests.browser.console import open_console, populate
from tests.browser.site import LOCALES, NAME, Site, Visit, violations, visit

TARGETS = (
    "/console",
    "/console/users",
    "/console/user?id={alice}",
    "/console/user/change?id={alice}&action=delete",
    "/console/clients",
    "/console/client?id=web-app",
    "/console/client/edit?id=web-app",
    "/console/client/edit",
    "/console/roles",
    "/console/role/change?action=create",
    "/console/keys",
    "/console/keys/rotate?algorithm=RS256",
    "/console/sms",
    "/console/audit",
    "/console/health",
)
# The addresses that a page had fetched from the server, beside its own: those that the browser had take no bytes.
FETCHED = """performance.getEntriesByType('resource').filter(each => each.transferSize > 0).map(each => each.name)"""
SAID = {
    "zh": {"disabled": "账号已停用。", "enabled": "账号已启用。", "lifted": "已恢复发送。", "saved": "已保存。"},
    "en": {
        "disabled": "The account is disabled.",
        "enabled": "The account is enabled.",
        "lifted": "The stop is lifted.",
        "saved": "Saved.",
    },
}


@pytest.fixture(params=LOCALES)
def at(request: pytest.FixtureRequest, site: Site, chromium: Chromium) -> Iterator[Visit]:
    """An admin at the console, on a desktop, in each language."""
    with visit(site, chromium, "desktop", request.param) as found:
        populate(site)
        open_console(site, found.page)
        yield found


def language_of(page: Page) -> str:
    return "zh" if page.get_attribute("html", "lang") == "zh-CN" else "en"


def said(at: Visit, name: str) -> str:
    return SAID[language_of(at.page)][name]


@pytest.mark.parametrize("device", ["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LOCALES)
def test_axe_finds_nothing(site: Site, chromium: Chromium, device: str, scheme: str, language: str) -> None:
    """And no page is wider than the screen."""
    with visit(site, chromium, device, language, color_scheme=scheme) as found:
        populate(site)
        open_console(site, found.page)
        for target in TARGETS:
            found.page.goto(site.url + target.format(alice=site.api.user_id(NAME)))
            assert violations(found.page) == []
            wide = found.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert (target, wide) == (target, 0)


def test_users(at: Visit) -> None:
    """Find, disable in a dialog, undo; the list goes on by its button."""
    site, page = at.site, at.page
    alice_session = site.api.token()
    page.goto(f"{site.url}/console/users")
    page.fill("#q", "133 1234 1234")
    page.press("#q", "Enter")
    page.wait_for_url("**/console/user?id=*")
    page.click("a[href*='action=disable']")
    page.wait_for_selector("dialog[open] button.main")
    assert violations(page) == []
    page.click("dialog button.main")
    page.wait_for_selector(".notice")
    assert said(at, "disabled") in page.inner_text(".notice")
    assert site.api.post("/users/current", bearer=alice_session).status == 401
    page.click(".notice button")
    page.wait_for_url("**note=user_enabled*")
    assert said(at, "enabled") in page.inner_text(".notice")
    page.goto(f"{site.url}/console/users")
    before = page.locator("#rows tr").count()
    page.click("tr.more a")
    page.wait_for_function(f"document.querySelectorAll('#rows tr').length > {before}")
    assert page.evaluate("document.activeElement.closest('#rows') !== null")


def test_by_keyboard_alone(at: Visit) -> None:
    """A dialog opens by Enter, holds the focus, closes by Escape, and gives the focus back."""
    site, page = at.site, at.page
    page.goto(f"{site.url}/console/user?id={site.api.user_id(NAME)}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, "action=end_all")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
        )
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('dialog').open")
    assert "action=end_all" in page.evaluate("document.activeElement.href")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**note=sessions_ended*")


def tab_to(page: Page, part: str) -> None:
    """Press Tab until a link with this in its address has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if part in (page.evaluate("document.activeElement.href || ''")):
            return
    raise AssertionError(f"no link with {part} can be reached")


def test_roles_of_a_user(at: Visit) -> None:
    site, page = at.site, at.page
    page.goto(f"{site.url}/console/user?id={site.api.user_id(NAME)}")
    for action, note in (("grant_role", "role_granted"), ("revoke_role", "role_revoked")):
        page.click(f"a[href*='action={action}']")
        page.click("dialog button.main")
        page.wait_for_url(f"**note={note}*")
        page.click(".notice button")
        page.wait_for_selector(".notice")


def test_reset_and_end_and_consent(at: Visit) -> None:
    site, page = at.site, at.page
    alice = site.api.user_id(NAME)
    user = f"{site.url}/console/user?id={alice}"
    page.goto(user)
    page.click("a[href*='action=revoke_consent']")
    page.click("dialog button.main")
    page.wait_for_url("**note=consent_revoked*")
    page.click("a[href*='action=end&']")
    page.click("dialog button.main")
    page.wait_for_url("**note=session_ended*")


def test_clients(at: Visit) -> None:
    """Create, edit and undo, rotate, disable."""
    site, page = at.site, at.page
    new = f"shop-{language_of(page)}"
    page.goto(f"{site.url}/console/clients")
    page.click("a[href='/console/client/edit']")
    page.fill("#client_id", new)
    page.fill("#name", "青禾 Shop")
    page.click(".save button")
    page.wait_for_selector(".summary")
    assert violations(page) == []
    page.fill("#redirect_uris", "https://shop.example/callback\nhttps://shop.example/other")
    page.click(".save button")
    page.wait_for_selector(".key")
    first = page.inner_text(".key")
    page.click("main a.button")
    page.wait_for_url(f"**/console/client?id={new}")
    assert "CLIENT_SECRET" in page.inner_text("main") or "oauth/authorize" in page.inner_text("pre")
    page.click("a[href*='/console/client/edit?id=']")
    page.fill("#colour", "#0b6e4f")
    page.click(".save button")
    page.wait_for_selector(".notice button")
    assert said(at, "saved") in page.inner_text(".notice")
    assert "#0b6e4f" in page.inner_text("main")
    page.click(".notice button")
    page.wait_for_url("**note=client_undone*")
    assert "#0b6e4f" not in page.inner_text("main")
    page.click("a[href*='action=rotate']")
    page.click("dialog button.main")
    page.wait_for_selector(".key")
    assert page.inner_text(".key") != first
    page.click("main a.button")
    page.click("a[href*='action=disable']")
    page.click("dialog button.main")
    page.wait_for_url("**note=client_disabled*")
    page.click(".notice button")
    page.wait_for_url("**note=client_enabled*")


def test_roles(at: Visit) -> None:
    site, page = at.site, at.page
    name = f"support-{language_of(page)}"
    page.goto(f"{site.url}/console/roles")
    page.click("a[href*='action=create']")
    page.wait_for_selector("dialog[open] #name")
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.wait_for_url("**note=role_created*")
    page.click(f"li:has-text('{name}') a[href*='action=rename']")
    page.fill("dialog #name", f"{name}-2")
    page.click("dialog button.main")
    page.wait_for_url("**note=role_renamed*")
    page.click(".notice button")
    page.wait_for_selector(f"li:has-text('{name}')")
    page.click(f"li:has-text('{name}') a[href*='action=delete']")
    page.click("dialog button.main")
    page.wait_for_url("**note=role_deleted*")


def test_lift_a_stop(at: Visit) -> None:
    site, page = at.site, at.page
    page.goto(f"{site.url}/console/sms")
    page.click("a[href*='/console/sms/lift']")
    page.click("dialog button.main")
    page.wait_for_selector(".notice")
    assert said(at, "lifted") in page.inner_text(".notice")
    assert budget.traffic(site.api.services, "+861331").unproven == 0


def test_far_from_the_server(site: Site, chromium: Chromium) -> None:
    """At 200 ms to the server and back: each page is one request, and a second click on a button does no harm."""
    with visit(site, chromium, "desktop", "en") as found:
        populate(site)
        page = found.page
        open_console(site, page)
        connection = {"offline": False, "latency": 200, "downloadThroughput": -1, "uploadThroughput": -1}
        browser = page.context.new_cdp_session(page)
        browser.send("Network.enable")
        browser.send("Network.emulateNetworkConditions", connection)
        for target in TARGETS:
            page.goto(site.url + target.format(alice=site.api.user_id(NAME)))
            page.wait_for_load_state("networkidle")
            assert page.evaluate(FETCHED) == []
        page.goto(f"{site.url}/console/users")
        page.dblclick("tr.more a")
        page.wait_for_selector("#rows tr:nth-child(27)")
        names = page.locator("#rows th a").all_inner_texts()
        assert len(names) == len(set(names))
        page.goto(f"{site.url}/console/user?id={site.api.user_id(NAME)}")
        page.dblclick("a[href*='action=disable']")
        page.dblclick("dialog button.main")
        page.wait_for_selector(".notice")
        assert SAID["en"]["disabled"] in page.inner_text(".notice")
        page.dblclick(".notice button")
        page.wait_for_url("**note=user_enabled*")
        assert SAID["en"]["enabled"] in page.inner_text(".notice")


@pytest.mark.parametrize("language", LOCALES)
def test_without_scripts(site: Site, chromium: Chromium, language: str) -> None:
    """Questions are pages then."""
    with visit(site, chromium, "desktop", language, java_script_enabled=False) as found:
        populate(site)
        open_console(site, found.page)
        alice_logs_in_elsewhere = site.api.token()
        found.page.goto(f"{site.url}/console/user?id={site.api.user_id(NAME)}")
        found.page.click("a[href*='action=disable']")
        found.page.click("button.main")
        found.page.wait_for_url("**note=user_disabled*")
        assert site.api.post("/users/current", bearer=alice_logs_in_elsewhere).status == 401
        found.page.click(".notice button")
        found.page.wait_for_url("**note=user_enabled*")


@pytest.mark.parametrize("language", LOCALES)
def test_who_is_no_admin(site: Site, chromium: Chromium, language: str) -> None:
    with visit(site, chromium, "phone", language) as found:
        found.page.goto(f"{site.url}/console")
        found.page.click("a[href$='way=password']")
        found.page.fill("#username", NAME)
        found.page.fill("#password", "correct horse battery")
        found.page.press("#password", "Enter")
        found.page.wait_for_url("**/console/callback*")
        assert {"zh": "只有管理员", "en": "Only admins"}[language] in found.page.inner_text("main")
        assert violations(found.page) == []
