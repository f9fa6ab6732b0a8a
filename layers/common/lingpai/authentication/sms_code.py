"""Authentication by a code sent to a mobile number."""

from collections.abc import Mapping
from dataclasses import replace

from lingpai.accounts import identities
from lingpai.accounts import service as accounts
from lingpai.authentication import by_identity
from lingpai.authentication.by_identity import ProvenIdentity
from lingpai.authentication.model import Authenticated
from lingpai.clients.model import Client
from lingpai.kernel import phone_numbers
from lingpai.services import Services
from lingpai.sessions import login_methods
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter


def authenticate(services: Services, client: Client, number: str, code: str, presenter: Presenter) -> Authenticated:
    """Authenticate by a number (E.164) and the code sent to it; the first login creates the account.

    The code is used up, and the account created, in the transaction that commits the result.
    """
    key = identities.mobile_key(number)
    user_id = sms_codes.begin(services, key, presenter)
    verified = sms_codes.check(services, number, code, presenter, "login")
    return _holder(services, client, verified, {} if user_id is None else {key: user_id})


def authenticate_by_name(
    services: Services, client: Client, name: str, code: str, presenter: Presenter
) -> Authenticated:
    """As `authenticate`, for a number or the username of an account that has one.

    Guesses are counted for the name, whether it has a number or not, and never for its number: that would reveal whose
    number it is, and lock it.
    """
    number = phone_numbers.as_mobile(name, services.settings.home_country)
    if number is not None:
        return authenticate(services, client, number, code, presenter)
    key = identities.login_key(services, name)
    user = accounts.user_or_nobody(services, sms_codes.begin(services, key, presenter))
    number = user.mobile if user and user.mobile else identities.nobodys_key(key)
    verified = sms_codes.check(services, number, code, presenter, "login", by_name=True)
    return _holder(services, client, verified, None)


def _holder(
    services: Services, client: Client, verified: sms_codes.VerifiedCode, found: Mapping[str, int] | None
) -> Authenticated:
    """The holder of the number that the code proves. `found` are the user ids by key; None if not looked up."""
    number = verified.consume.number
    proven = ProvenIdentity(
        login_methods.SMS,
        {identities.mobile_key(number): lambda user: replace(user, mobile=number)},
        (verified.consume,),
        after_commit=lambda: sms_codes.consumed(services, verified),
        after_unavailable=lambda: sms_codes.reopen(services, verified),
    )
    return by_identity.authenticate(services, client, proven, found)
