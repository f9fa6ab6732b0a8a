"""Accounts and their profiles."""

from lingpai import bootstrap, priming
from lingpai.accounts import profile_routes
from lingpai.accounts import routes as users
from lingpai.authentication import identity_routes as identities
from lingpai.authentication import routes as factors
from lingpai.http.envelope import legacy_json
from lingpai.http.router import Route
from lingpai.legacy import user_register as register

ROUTES = (
    Route("/User/Register", register.register, register.refused),
    legacy_json("/users/register", users.register),
    legacy_json("/users/save", factors.save, needs="admin"),
    legacy_json("/users/update", factors.update, needs="account"),
    legacy_json("/users/pwd/update", factors.update_password, needs="account"),
    legacy_json("/users/pwd/reset", factors.reset_password),
    legacy_json("/users/phone/remove", factors.remove_phone, needs="account"),
    legacy_json("/users/role/update", users.update_roles, needs="admin"),
    legacy_json("/users/find", users.find, needs="account", changes=False),
    legacy_json("/users/list", users.list_all, needs="admin", changes=False),
    legacy_json("/users/delete", users.delete, needs="admin"),
    legacy_json("/users/current", users.current, methods=("GET", "POST"), needs="account", changes=False),
    legacy_json("/users/identities", identities.current, methods=("GET", "POST"), needs="account", changes=False),
    legacy_json("/users/identities/link", identities.link, needs="account"),
    legacy_json("/users/identities/unlink", identities.unlink, needs="account"),
    legacy_json("/userDetail/current", profile_routes.current, needs="account", changes=False),
    legacy_json("/userDetail/get", profile_routes.get, needs="account", changes=False),
    legacy_json("/userDetail/update", profile_routes.update, needs="account"),
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
