"""Accounts and their profiles."""

from lingpai.accounts import profile_routes as details
from lingpai.accounts import routes as users
from lingpai.authentication import identity_routes as identities
from lingpai.authentication import routes as factors
from lingpai.http.app import Route, gate, seed
from lingpai.legacy import user_register as register

ROUTES = (
    Route("/User/Register", register.register, register.refused),
    seed("/users/register", users.register),
    seed("/users/save", factors.save, needs="admin"),
    seed("/users/update", factors.update, needs="account"),
    seed("/users/pwd/update", factors.update_password, needs="account"),
    seed("/users/pwd/reset", factors.reset_password),
    seed("/users/phone/remove", factors.remove_phone, needs="account"),
    seed("/users/role/update", users.update_roles, needs="admin"),
    seed("/users/find", users.find, needs="account", changes=False),
    seed("/users/list", users.list_all, needs="admin", changes=False),
    seed("/users/delete", users.delete, needs="admin"),
    seed("/users/current", users.current, methods=("GET", "POST"), needs="account", changes=False),
    seed("/users/identities", identities.current, methods=("GET", "POST"), needs="account", changes=False),
    seed("/users/identities/link", identities.link, needs="account"),
    seed("/users/identities/unlink", identities.unlink, needs="account"),
    seed("/userDetail/current", details.current, needs="account", changes=False),
    seed("/userDetail/get", details.get, needs="account", changes=False),
    seed("/userDetail/update", details.update, needs="account"),
)

handler = gate(*ROUTES)
