"""Create, rename and delete the roles of a deployment, by compare-and-swap on the one item that holds them."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from lingpai.accounts.model import RoleBook
from lingpai.kernel import names
from lingpai.kernel.errors import conflict, invalid_request, not_found
from lingpai.rate_limits import unanswered
from lingpai.services import Services

NAME_MAX = 64
# All roles are one item, which may have 400 KB at most.
MOST = 1000
_ATTEMPTS = 5


def save(services: Services, name: str, role_id: int | None = None) -> int:
    """Create a role of this name, or rename the role `role_id`; return the id. Can be repeated."""
    name = check_name(name)
    request = ("role", role_id, name)

    def edit(book: RoleBook) -> RoleBook:
        target = book.next_id if role_id is None else role_id
        holder = book.id_of(name)
        if holder is not None and holder != target:
            if role_id is None and unanswered.is_repeat(services, *request):
                return book
            raise conflict("role_taken")
        if role_id is None:
            if len(book.names) >= MOST:
                raise conflict("too_many_roles", limit=MOST)
            return replace(book, names=(*book.names, (target, name)), next_id=target + 1)
        _refuse_missing_or_admin(services, book, target, keeps=name)
        return replace(book, names=tuple((i, name if i == target else known) for i, known in book.names))

    return _edit(services, edit, *request).id_of(name) or 0


def delete(services: Services, role_id: int) -> None:
    """Delete the role. Accounts may keep its id, which is never assigned again. Can be repeated."""
    request = ("role deleted", role_id)

    def edit(book: RoleBook) -> RoleBook:
        if book.name_of(role_id) is None and unanswered.is_repeat(services, *request):
            return book
        _refuse_missing_or_admin(services, book, role_id)
        return replace(book, names=tuple((i, name) for i, name in book.names if i != role_id))

    _edit(services, edit, *request)


def check_name(name: str) -> str:
    """The name in NFKC; LingpaiError if it is too long or invisible."""
    normalised = names.normalised(name).strip()
    if not normalised or not names.is_visible(normalised):
        raise invalid_request("bad_role_name")
    if len(normalised) > NAME_MAX:
        raise invalid_request("too_long", name="roleName", limit=NAME_MAX)
    return normalised


def ids_of(book: RoleBook, role_names: Iterable[str]) -> frozenset[int]:
    """The ids of these role names; LingpaiError with the first that does not exist."""
    ids = set()
    for name in role_names:
        role_id = book.id_of(names.normalised(name).strip())
        if role_id is None:
            raise invalid_request("role_not_found", role=name)
        ids.add(role_id)
    return frozenset(ids)


def known_ids(book: RoleBook, ids: frozenset[int]) -> frozenset[int]:
    """Check that all `ids` are roles and return them; LingpaiError with the first that is not."""
    unknown = ids.difference(role_id for role_id, _ in book.names)
    if unknown:
        raise invalid_request("role_not_found", role=min(unknown))
    return ids


def _edit(services: Services, edit: Callable[[RoleBook], RoleBook], *request: object) -> RoleBook:
    """Save and return the roles after `edit`. If it is unknown whether they were saved, the request is noted."""
    for _ in range(_ATTEMPTS):
        book = services.store.directory().roles
        after = edit(book)
        if after == book:
            return after
        with unanswered.noted(services, *request):
            if services.store.save_roles(after):
                return after
    raise conflict("changed_meanwhile")


def _refuse_missing_or_admin(services: Services, book: RoleBook, role_id: int, keeps: str | None = None) -> None:
    name = book.name_of(role_id)
    if name is None:
        raise not_found("role_missing")
    if services.settings.admin_role == name != keeps:
        raise conflict("role_kept")
