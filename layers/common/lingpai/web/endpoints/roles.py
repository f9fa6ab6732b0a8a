"""`/roles/*` (seed 003, and what it lacks): the roles of the deployment, for admins."""

from lingpai import roles
from lingpai.ports import Services
from lingpai.web import envelope, fields
from lingpai.web.bearer import authenticate
from lingpai.web.reply import Reply
from lingpai.web.request import Request, json_body


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
