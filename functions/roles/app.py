"""The roles of the deployment."""

from lingpai.web.app import gate, seed
from lingpai.web.endpoints import roles

handler = gate(
    seed("/roles/list", roles.list_all),
    seed("/roles/save", roles.save),
    seed("/roles/delete", roles.delete),
)
