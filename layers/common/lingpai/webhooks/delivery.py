"""One try to deliver a message: signed anew, sent once, and judged by the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

import orjson

from lingpai.kernel.cause import Cause, caused_by
from lingpai.kernel.errors import LingpaiError
from lingpai.outbound.https import Https, Lost, Unreached
from lingpai.sessions import logout_tokens
from lingpai.webhooks import service as webhooks
from lingpai.webhooks import signatures, urls
from lingpai.webhooks.messages import EventMessage, LogoutMessage, Message
from lingpai.webhooks.model import Webhook
from lingpai.webhooks.service import WebhookServices

USER_AGENT = "Lingpai"
# RFC 9110 section 15.5.11: the receiver is gone, and will not come back.
_GONE = 410

# done: the receiver has it. again: it is worth another try. over: it is not.
State = Literal["done", "again", "over"]


@dataclass(frozen=True)
class Outcome:
    """How a try ended; `detail` is the status of the answer, or why there is none."""

    state: State
    detail: str


class Courier:
    """Delivers messages by HTTPS to public addresses alone (`urls`); for any number of threads."""

    def __init__(self, services: WebhookServices) -> None:
        settings = services.services.settings
        self._all = services
        self._https = Https(settings.webhook_connect_timeout, settings.webhook_read_timeout, urls.admit(settings))
        self._opened: dict[tuple[str, bytes], bytes] = {}

    def deliver(self, message: Message) -> Outcome:
        """One try. What the store, KMS or the receiver fails at is worth another one."""
        try:
            if isinstance(message, EventMessage):
                return self._deliver_event(message)
            return self._deliver_logout(message)
        except LingpaiError as error:
            return Outcome("again", error.detail or error.reason)
        except Unreached as error:
            return Outcome("again", f"not reached: {error}")
        except Lost as error:
            return Outcome("again", f"no answer: {error}")
        except ValueError as error:
            return Outcome("again", f"address: {error}")

    def _deliver_event(self, message: EventMessage) -> Outcome:
        """Standard Webhooks: any 2xx is a success, and a redirect is none."""
        webhook = self._all.subscribers.get(message.webhook)
        if webhook is None or webhook.disabled is not None:
            return Outcome("over", "webhook disabled or deleted")
        services, body = self._all.services, orjson.dumps(message.event)
        now = services.clock.now()
        secrets = [self._open(webhook.id, wrapped) for wrapped in webhook.live_secrets(now)]
        signed = signatures.headers(secrets, message.id, now, body)
        status = self._post(webhook.url, {"Content-Type": "application/json", **signed}, body)
        if status == _GONE:
            return Outcome("over" if self._switch_off(webhook) else "again", str(status))
        return Outcome("done" if 200 <= status < 300 else "again", str(status))

    def _deliver_logout(self, message: LogoutMessage) -> Outcome:
        """Back-Channel Logout section 2.8: 200 is a success and 400 a refusal; also 204, as section 2.5 has it."""
        services = self._all.services
        client = services.clients.get_client(message.client)
        if client is None or client.disabled or client.backchannel_logout_uri is None:
            return Outcome("over", "client not told of logouts")
        token = logout_tokens.sign(services, client, message.user_id, message.sid)
        body = urlencode({"logout_token": token}).encode()
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        status = self._post(client.backchannel_logout_uri, sent, body)
        if status in (400, _GONE):
            return Outcome("over", str(status))
        return Outcome("done" if status in (200, 204) else "again", str(status))

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer; ValueError for an address that may not be called."""
        urls.check(url, self._all.services.settings)
        return self._https.post(url, {"User-Agent": USER_AGENT, **headers}, body).status

    def _open(self, webhook_id: str, wrapped: bytes) -> bytes:
        """The secret of the webhook; each is opened once in a process."""
        key = (webhook_id, wrapped)
        if key not in self._opened:
            self._opened[key] = self._all.secrets.unwrap(wrapped, webhook_id)
        return self._opened[key]

    def _switch_off(self, webhook: Webhook) -> bool:
        """Disable the webhook; False where its address is another one by now, at which nobody has answered 410 yet.

        If somebody else changes it at the same time, the next answer 410 disables it.
        """
        services = self._all.services
        self._all.subscribers.forget()
        now = self._all.subscribers.get(webhook.id)
        if now is not None and now.url != webhook.url:
            return False
        with caused_by(Cause(action="delivery", actor="system")):
            services.store.change_webhook(webhook, webhooks.switched_off(webhook, services.clock, "gone"))
        self._all.subscribers.forget()
        return True
