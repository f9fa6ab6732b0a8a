"""Twilio: the Messages resource of its REST API of 2010-04-01.

https://www.twilio.com/docs/messaging/api/message-resource
https://www.twilio.com/docs/api/errors

Messages has no idempotency key. So no request is made a second time.
"""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from lingpai.outbound import json_answers
from lingpai.outbound.https import Https
from lingpai.sms.model import Message
from lingpai.sms.senders import send_errors, templates

if TYPE_CHECKING:
    from lingpai.sms.settings import SmsSettings

NAME = "twilio"

# How long Twilio may keep a message waiting, in seconds (error 90007).
LONGEST_WAIT = 36000

CODES = send_errors.table(
    # Invalid, unreachable, a short code, opted out, no mobile, a landline. Those above 30000 are of messages that were
    # taken and failed at once.
    bad_number="21211 21214 21217 21265 21610 21614 21635 30003 30004 30005 30006",
    throttled="20429 14107 21611 30001 63017 63038",
    suspended="10001 20005 20403 30002 90010",
    misconfigured="""
        20003 20404 21212 21408 21602 21603 21606 21608 21612 21617 21659 21660 21661 21701 21703 21704 70051 90007
    """,
    in_doubt="20500",
)


class TwilioSender:
    """Sends texts. `token` gives the auth token of the account, or the secret of the API key in the settings."""

    def __init__(self, settings: "SmsSettings", token: Callable[[], str], https: Https) -> None:
        self._settings = settings
        self._token = token
        self._https = https

    def send(self, message: Message) -> None:
        """See `Sender`."""
        settings = self._settings
        account, sender = settings.twilio_account_sid, settings.twilio_from
        form = {
            "To": message.to,
            "MessagingServiceSid" if sender.startswith("MG") and len(sender) == 34 else "From": sender,
            "Body": templates.text(settings, message),
            # A code that has expired helps nobody.
            "ValidityPeriod": str(min(message.minutes * 60, LONGEST_WAIT)),
        }
        user = settings.twilio_api_key_sid or account
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"{user}:{self._token()}".encode()).decode(),
        }
        url = f"https://{settings.twilio_endpoint}/2010-04-01/Accounts/{quote(account)}/Messages.json"
        answer = send_errors.post(NAME, self._https, url, headers, urlencode(form).encode())
        read = json_answers.read(answer.body)
        created = 200 <= answer.status < 300
        code = send_errors.member(read, "error_code" if created else "code")
        if created and code is None and isinstance(send_errors.member(read, "sid"), str):
            return
        raise send_errors.failed(NAME, str(code) if isinstance(code, int) else None, CODES, answer.status)
