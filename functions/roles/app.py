"""The roles of the deployment."""

from lingpai.web.app import gate, seed
from lingpai.web.endpoints import roles

ROUTES = (
    seed("/roles/list", roles.list_all, needs="admin", changes=False),
    seed("/roles/save", roles.save, needs="admin"),
    seed("/roles/delete", roles.delete, needs="admin"),
)

handler = gate(*ROUTES)
