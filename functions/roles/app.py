"""The roles of the deployment."""

from lingpai import bootstrap, priming
from lingpai.accounts import role_routes as roles
from lingpai.http.envelope import legacy_json

ROUTES = (
    legacy_json("/roles/list", roles.list_all, needs="admin", changes=False),
    legacy_json("/roles/save", roles.save, needs="admin"),
    legacy_json("/roles/delete", roles.delete, needs="admin"),
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
