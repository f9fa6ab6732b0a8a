"""AWS End User Messaging: SendTextMessage of pinpoint-sms-voice-v2.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html

SendTextMessage takes no client token. So no request is made a second time.
"""

from typing import TYPE_CHECKING, Any

from lingpai.outbound.https import Https
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent
from lingpai.sms.senders import send_errors, templates
from lingpai.sms.senders.amazon import BotocoreSms

if TYPE_CHECKING:
    from lingpai.settings import Settings

NAME = "aws"

# How long AWS may try to hand a message on, in seconds: the range of `TimeToLive`.
SHORTEST_LIFE, LONGEST_LIFE = 5, 259200

# By code, and by code and reason.
CODES = send_errors.table(
    bad_number="""
        ConflictException.DESTINATION_PHONE_NUMBER_OPTED_OUT
        ConflictException.DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE
        ValidationException.DestinationPhoneNumber
    """,
    throttled="ThrottlingException Throttling TooManyRequestsException RequestLimitExceeded",
    suspended="""
        ServiceQuotaExceededException AccessDeniedException.ACCOUNT_DISABLED
        AccessDeniedException.INSUFFICIENT_ACCOUNT_REPUTATION
    """,
    misconfigured="""
        AccessDeniedException ConflictException ResourceNotFoundException ValidationException
        UnrecognizedClientException InvalidSignatureException ExpiredTokenException MissingAuthenticationToken
        IncompleteSignature OptInRequired
    """,
    in_doubt="InternalServerException InternalFailure ServiceUnavailable",
)


class AwsSender:
    """Sends texts from the origination identity of the settings."""

    def __init__(self, settings: "Settings", https: Https) -> None:
        self._settings = settings
        self._service = BotocoreSms(
            NAME, "pinpoint-sms-voice-v2", settings.aws_sms_region or settings.aws_region, https
        )

    def send(self, message: Message) -> None:
        """See `Sender`."""
        settings = self._settings
        asked: dict[str, str | int] = {
            "DestinationPhoneNumber": message.to,
            "OriginationIdentity": settings.aws_sms_origination,
            "MessageBody": templates.text(settings, message),
            "MessageType": "TRANSACTIONAL",
            # A code that has expired helps nobody.
            "TimeToLive": max(SHORTEST_LIFE, min(message.minutes * 60, LONGEST_LIFE)),
        }
        if settings.aws_sms_configuration_set:
            asked["ConfigurationSetName"] = settings.aws_sms_configuration_set
        self._service.send("send_text_message", _failure, **asked)


def _failure(response: Any) -> NotSent | MaybeSent:
    """By the code, and by what goes with it: a reason, or the field that is wrong."""
    code: str = response["Error"]["Code"]
    fields = [field.get("Name") for field in response.get("Fields") or ()]
    detail = "DestinationPhoneNumber" if "DestinationPhoneNumber" in fields else response.get("Reason")
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return send_errors.failed(NAME, f"{code}.{detail}" if detail else code, CODES, status)
