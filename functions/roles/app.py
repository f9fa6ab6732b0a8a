"""The roles of the deployment."""

from lingpai.accounts import role_routes as roles
from lingpai.http.app import gate, seed

ROUTES = (
    seed("/roles/list", roles.list_all, needs="admin", changes=False),
    seed("/roles/save", roles.save, needs="admin"),
    seed("/roles/delete", roles.delete, needs="admin"),
)

handler = gate(*ROUTES)
