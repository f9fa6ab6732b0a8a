"""`/roles/*` (seed 003, and what it lacks): the roles of the deployment, for admins."""

from lingpai.accounts import roles
from lingpai.accounts.caller import authenticate
from lingpai.http import envelope, fields
from lingpai.http.request import Request, json_body
from lingpai.http.response import Reply
from lingpai.services import Services


def list_all(services: Services, request: Request) -> Reply:
    """Every role, in the order of making."""
    book = authenticate(services, request).book
    return envelope.done([{"id": role_id, "roleName": name} for role_id, name in book.names])


def save(services: Services, request: Request) -> Reply:
    """A new role `roleName` or, given an `id`, a new name for that role; `message` is the id."""
    authenticate(services, request)
    body = json_body(request)
    name = fields.text(body, "roleName")
    return envelope.done(roles.save(services, name, fields.optional_id(body, "id")))


def delete(services: Services, request: Request) -> Reply:
    """The role `id` is gone, and with it what it gave to accounts."""
    authenticate(services, request)
    roles.delete(services, fields.an_id(json_body(request), "id"))
    return envelope.done()


ROUTES = (
    envelope.legacy_json("/roles/list", list_all, needs="admin", changes=False),
    envelope.legacy_json("/roles/save", save, needs="admin"),
    envelope.legacy_json("/roles/delete", delete, needs="admin"),
)
