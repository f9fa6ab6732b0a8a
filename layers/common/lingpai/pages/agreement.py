"""`/agreement`: the terms and the privacy policy, where a version is in force that the user has not accepted yet."""

from lingpai.accounts import agreements
from lingpai.accounts.model import Agreement
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.pages import onward, view
from lingpai.pages.client import CLIENT
from lingpai.pages.view import View
from lingpai.services import Services

AGREEMENT = "/agreement"


def agreement(services: Services, request: Request) -> Reply:
    """The page, or what the user has accepted: kept with its time and address, once for each version.

    A form that shows another version than the one in force, because it was open for long, is shown anew.
    """
    page, given = view.opened(services, request, "action", *agreements.FIELDS)
    browser = page.browser
    if browser is None:
        return onward.see_other(f"/login{page.tail}")
    going = page.onward or onward.ACCOUNT
    to_accept = agreements.missing(services.settings, browser.user)
    if not to_accept:
        return onward.see_other(going)
    in_force = agreements.in_force(services.settings)
    if given.get("action") != "agree" or any(given.get(document) != in_force[document] for document in to_accept):
        return _form(page, to_accept)
    client_id = page.client.id if page.client else CLIENT.id
    accepted = (
        Agreement(document, in_force[document], services.clock.now(), request.source_ip, client_id)
        for document in to_accept
    )
    agreements.add(services, browser.user.id, tuple(accepted))
    return onward.see_other(going)


def _form(page: View, to_accept: tuple[str, ...]) -> Reply:
    settings = page.services.settings
    addresses = {"terms": settings.terms_url, "policy": settings.policy_url}
    in_force = agreements.in_force(settings)
    documents = [(document, in_force[document], addresses[document]) for document in to_accept]
    is_new = not page.browser or not page.browser.user.agreements
    return page.page("agreement.html", {"documents": documents, "is_new": is_new})
