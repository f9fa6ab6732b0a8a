"""Accounts and their profiles."""

from lingpai.web.app import Route, gate, seed
from lingpai.web.endpoints import details, identities, register, users

handler = gate(
    Route("/User/Register", register.register, register.refused),
    seed("/users/register", users.register),
    seed("/users/save", users.save),
    seed("/users/update", users.update),
    seed("/users/pwd/update", users.update_password),
    seed("/users/role/update", users.update_roles),
    seed("/users/find", users.find),
    seed("/users/list", users.list_all),
    seed("/users/delete", users.delete),
    seed("/users/current", users.current, methods=("GET", "POST")),
    seed("/users/identities", identities.current, methods=("GET", "POST")),
    seed("/users/identities/link", identities.link),
    seed("/users/identities/unlink", identities.unlink),
    seed("/userDetail/current", details.current),
    seed("/userDetail/get", details.get),
    seed("/userDetail/update", details.update),
)
