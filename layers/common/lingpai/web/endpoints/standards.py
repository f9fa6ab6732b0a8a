"""The standards beside the dialects: introspection, revocation, metadata; and whether the service is well."""

from lingpai.ports import Services
from lingpai.web.reply import Reply, json_reply
from lingpai.web.request import Request


def health(services: Services, _: Request) -> Reply:
    """Whether the store answers: 200, or the 503 that every other endpoint would give."""
    services.store.get_client("health")
    return json_reply(200, {"status": "ok"})
