"""Amazon SNS: Publish to a phone number.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html

`MessageDeduplicationId` is for topics alone. So no request is made a second time.
"""

from typing import TYPE_CHECKING, Any

from lingpai.outbound.https import Https
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent
from lingpai.sms.senders import send_errors, templates
from lingpai.sms.senders.amazon import BotocoreSms

if TYPE_CHECKING:
    from lingpai.settings import Settings

NAME = "sns"

# SNS names no code for a number that is wrong: its message names the parameter, which stands here behind the code.
CODES = send_errors.table(
    bad_number="""
        InvalidParameter.PhoneNumber InvalidParameterValue.PhoneNumber ParameterValueInvalid.PhoneNumber OptedOut
    """,
    throttled="Throttling ThrottlingException Throttled RequestLimitExceeded",
    suspended="OptInRequired",
    misconfigured="""
        AuthorizationError InvalidParameter InvalidParameterValue ParameterValueInvalid ValidationException NotFound
        InvalidSecurity InvalidClientTokenId SignatureDoesNotMatch ExpiredToken MissingAuthenticationToken
        IncompleteSignature AccessDenied AccessDeniedException
    """,
    in_doubt="InternalError InternalFailure ServiceUnavailable",
)


class SnsSender:
    """Sends texts, as transactional ones."""

    def __init__(self, settings: "Settings", https: Https) -> None:
        self._settings = settings
        self._service = BotocoreSms(NAME, "sns", settings.aws_sms_region or settings.aws_region, https)

    def send(self, message: Message) -> None:
        """See `Sender`."""
        settings = self._settings
        attributes = {
            "AWS.SNS.SMS.SMSType": "Transactional",
            "AWS.SNS.SMS.SenderID": settings.sns_sender_id,
            "AWS.MM.SMS.OriginationNumber": settings.sns_origination_number,
        }
        self._service.send(
            "publish",
            _failure,
            PhoneNumber=message.to,
            Message=templates.text(settings, message),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            },
        )


def _failure(response: Any) -> NotSent | MaybeSent:
    code: str = response["Error"]["Code"]
    if "PhoneNumber" in response["Error"].get("Message", ""):
        code = f"{code}.PhoneNumber"
    return send_errors.failed(NAME, code, CODES, response["ResponseMetadata"]["HTTPStatusCode"])
