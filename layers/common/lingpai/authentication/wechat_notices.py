"""`/wechat/notices/APP`: what WeChat tells of its users: that they have withdrawn what a mini-program was allowed.

The identity is taken from its account then, and all sessions of the account end. An account that nobody could log in to
any more is closed, and deleted as if its owner had asked for it (`accounts.closing`).
"""

from dataclasses import replace

from lingpai.accounts import closing, ended_accounts, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.authentication import factors
from lingpai.http import envelope
from lingpai.http.request import Request, body_text, query_parameters
from lingpai.http.response import Reply
from lingpai.http.router import ANY_NAME, Route
from lingpai.identity_providers import wechat_notices
from lingpai.identity_providers.model import Identity, is_union, union_issuer
from lingpai.identity_providers.settings import NoticeSecrets, notice_secrets
from lingpai.identity_providers.wechat_api import NAME
from lingpai.identity_providers.wechat_notices import Notice
from lingpai.kernel.errors import LingpaiError, unavailable
from lingpai.services import Services

_PATH = "/wechat/notices/"
# The parameters of the query, with their greatest lengths.
_LONGEST = {"signature": 64, "msg_signature": 64, "timestamp": 16, "nonce": 64, "echostr": 128}
# The parameter that WeChat puts into the query.
_QUERY_CREDENTIALS = frozenset({"nonce"})
_PLAIN = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}


def notice(services: Services, request: Request) -> Reply:
    """Answer WeChat's check of the address (GET), or do what a notice asks for. Each notice may come several times."""
    app = request.path.removeprefix(_PATH)
    secrets = _secrets(services).get(app)
    if secrets is None:
        raise wechat_notices.refused()
    given, now = query_parameters(request, _LONGEST), services.clock.now()
    if request.method == "GET":
        wechat_notices.check_signature(secrets, given, now)
        return Reply(200, given.get("echostr", ""), _PLAIN)
    told = wechat_notices.read(secrets, app, given, body_text(request), now)
    if told.withdraws_all and told.openid:
        withdraw(services, told)
    return Reply(200, "success", _PLAIN)


def withdraw(services: Services, told: Notice) -> None:
    """Take the identity from its account, if one has it, and end the account's sessions. Can be repeated."""
    issuer, openid = Identity(NAME, told.app, told.openid).names[0]
    user_id = services.store.find_user_id(identities.openid_key(issuer, openid))
    if user_id is None:
        return

    # An admin is never deleted by a notice: it could be the last one.
    admin_role = services.store.directory().roles.id_of(services.settings.admin_role)

    def edit(user: User) -> User:
        left = tuple(pair for pair in user.openids if pair != (issuer, openid))
        # The id for all apps came from WeChat, too: without an app of it there it is of no use.
        if not any(name.startswith(f"{NAME}:") and not is_union(name) for name, _ in left):
            left = tuple(pair for pair in left if pair[0] != union_issuer(NAME))
        after = replace(user, openids=left)
        if factors.has_way_in(services, after) or after == user or admin_role in user.roles:
            return after
        return replace(after, closes_at=closing.time_of(services))

    # First, so that a repeat ends them, too, where this try is not answered: it would not find the identity any more.
    ended_accounts.end_all(services, user_id)
    try:
        accounts.change(services, user_id, edit, *ended_accounts.ending(services, user_id))
    except LingpaiError as error:
        # Disabled, or closed already: the account keeps what it has until it is deleted.
        if error.reason != "user_not_found":
            raise


def _secrets(services: Services) -> dict[str, NoticeSecrets]:
    """What notices are signed with, by app id."""
    if services.wechat_notices is None:
        return {}
    try:
        return notice_secrets(services.wechat_notices())
    except ValueError as error:
        raise unavailable("provider_unavailable", detail=f"WECHAT_NOTICES_SECRET: {error}") from None


ROUTES = (
    Route(
        f"{_PATH}{ANY_NAME}",
        notice,
        envelope.refused,
        ("GET", "POST"),
        query_credentials=_QUERY_CREDENTIALS,
    ),
)
