"""Changing one's own password: by the old one, or by a code sent to the account's number."""

from lingpai.accounts import closing, ended_accounts, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.storage import ChangeUser, CheckIdentity
from lingpai.authentication import password_age, recent_login
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import conflict, invalid_grant, invalid_request, not_found
from lingpai.kernel.writes import Conflict
from lingpai.passwords import service as passwords
from lingpai.rate_limits import unanswered
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter


def change_password(services: Services, user_id: int, old: str, new: str, session: SessionKey) -> None:
    """Change the password for a user who knows the old one; every session but `session` ends.

    Where passwords become too old, the new one has to differ.

    One transaction changes the password and ends the known sessions, as many as it can hold; the others end after it.
    A concurrent login either commits before it, and its session is ended after it, or fails because the hash has
    changed (see `password.authenticate`).

    Can be repeated: if the first request failed after its transaction, the account already has the new password, and
    the repeat ends the remaining sessions.
    """
    user = services.store.get_user(user_id)
    stored = user.password if user else None
    if user is not None and user.password is None:
        raise invalid_request("no_old_password")
    recent_login.count_password_try(services, user_id)
    if not passwords.verify(old, stored, services.settings) or user is None:
        if not passwords.verify(new, stored, services.settings):
            raise invalid_request("wrong_old_password")
        ended_accounts.end_all(services, user_id, keep=session)
        return
    passwords.check_new(new, identities.display_name(services, user), services.settings)
    if password_age.is_limited(services.settings):
        passwords.check_differs(new, old)
    after = accounts.with_password(services, user, new)
    try:
        services.store.commit(ChangeUser(user, after), *ended_accounts.ending(services, user_id, session))
    except Conflict:
        raise conflict("changed_meanwhile") from None
    ended_accounts.end_all(services, user_id, keep=session)


def reset_password(services: Services, number: str, code: str, new: str, presenter: Presenter) -> None:
    """Set the password, the first or a new one, of the account with the number (E.164) that the code proves.

    All sessions of the account end. LingpaiError `invalid_grant` for an invalid code, `not_found` if the number has no
    account: the holder of the number may know that.
    """
    passwords.check_new(new, phone_numbers.national(number, services.settings.home_country), services.settings)
    user_id = sms_codes.begin(services, identities.mobile_key(number), presenter)
    request = ("reset", number, code)
    with unanswered.noted(services, *request):
        if not _has_been_reset(services, user_id, new, request):
            verified = sms_codes.check(services, number, code, presenter, "reset")
            if user_id is None:
                raise not_found("user_not_found")
            _set_password(services, user_id, new, verified)
        ended_accounts.end_all(services, user_id or accounts.NOBODY)


def _has_been_reset(services: Services, user_id: int | None, new: str, request: tuple[object, ...]) -> bool:
    """Whether an earlier try of the same request has set the password, but was not answered."""
    if not unanswered.is_repeat(services, *request):
        return False
    user = accounts.user_or_nobody(services, user_id)
    return user is not None and passwords.verify(new, user.password, services.settings)


def _set_password(services: Services, user_id: int, new: str, verified: sms_codes.VerifiedCode) -> None:
    """Set the password of the account whose number the code proves, and end its sessions.

    Where passwords become too old, the new one has to differ. Whoever asks learns the present one by chance alone: any
    other is set, and the code is used up.
    """
    user = services.store.get_user(user_id)
    if user is None or not user.is_active:
        raise closing.refusal(services, user_id)
    passwords.check_new(new, identities.display_name(services, user), services.settings)
    if password_age.is_limited(services.settings) and passwords.verify(new, user.password, services.settings):
        raise invalid_request("password_unchanged")
    writes = (
        ChangeUser(user, accounts.with_password(services, user, new)),
        CheckIdentity(identities.mobile_key(verified.consume.number), user_id),
        verified.consume,
    )
    try:
        services.store.commit(*writes, *ended_accounts.ending(services, user_id))
    except Conflict as failed:
        if failed.write == verified.consume:
            raise invalid_grant("bad_code") from None
        raise conflict("changed_meanwhile") from None
    sms_codes.consumed(services, verified)
