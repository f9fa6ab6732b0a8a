"""The ledger of what people accepted: which version of the terms and of the privacy policy, when, and from where.

It is a list in the account, to which entries are added; so it is in the person's data, and ends with the account. The
settings name the versions in force. Where one is newer than what an account has accepted, the pages ask for it before
they go on; an app shows the documents itself and says what was accepted.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lingpai.accounts import service as accounts
from lingpai.accounts.model import Agreement, User
from lingpai.http import fields
from lingpai.kernel.errors import invalid_request
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.accounts.settings import AccountSettings

# The fields of the API by which an app says which version of a document was accepted.
FIELDS = {"terms": "termsVersion", "policy": "policyVersion"}


def in_force(settings: "AccountSettings") -> Mapping[str, str]:
    """The version of each document that is in force."""
    versions = {"terms": settings.terms_version, "policy": settings.policy_version}
    return {document: version for document, version in versions.items() if version}


def missing(settings: "AccountSettings", user: User) -> tuple[str, ...]:
    """The documents whose version in force the user has not accepted."""
    accepted = _accepted(user)
    return tuple(document for document, version in in_force(settings).items() if (document, version) not in accepted)


def given(services: Services, body: Mapping[str, Any], address: str, client_id: str) -> tuple[Agreement, ...]:
    """What the fields of a request say was accepted; LingpaiError `old_version` if another version is in force."""
    found = []
    for document, name in FIELDS.items():
        version = fields.optional_text(body, name, 32)
        if not version:
            continue
        current = in_force(services.settings).get(document)
        if version != current:
            raise invalid_request("old_version", name=name, version=current or "-")
        found.append(Agreement(document, version, services.clock.now(), address, client_id))
    return tuple(found)


def add(services: Services, user_id: int, agreements: tuple[Agreement, ...]) -> User:
    """Add what was not accepted before; the account with it."""

    def edit(user: User) -> User:
        accepted = _accepted(user)
        new = tuple(each for each in agreements if (each.document, each.version) not in accepted)
        return replace(user, agreements=(*user.agreements, *new))

    return accounts.change(services, user_id, edit)


def _accepted(user: User) -> set[tuple[str, str]]:
    """The documents and versions that the user has accepted."""
    return {(agreement.document, agreement.version) for agreement in user.agreements}
