"""Tencent Cloud's SMS: SendSms of 2021-01-11, signed by TC3-HMAC-SHA256.

https://cloud.tencent.com/document/api/382/55981 (SendSms)
https://www.tencentcloud.com/document/api/1005/34678 (the signature)
https://cloud.tencent.com/document/product/382/55988 (error codes)

SendSms is not idempotent: `SessionContext` is only returned. So no request is retried.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lingpai.kernel.clock import Clock
from lingpai.outbound import json_answers
from lingpai.outbound.https import Https
from lingpai.sms.model import Message
from lingpai.sms.senders import send_errors, templates

if TYPE_CHECKING:
    from lingpai.sms.settings import SmsSettings

NAME = "tencent"
ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json; charset=utf-8"

CODES = send_errors.table(
    bad_number="""
        InvalidParameterValue.IncorrectPhoneNumber FailedOperation.PhoneNumberInBlacklist
        FailedOperation.PhoneNumberOnBlacklist
    """,
    number_limit="""
        LimitExceeded.PhoneNumberDailyLimit LimitExceeded.PhoneNumberOneHourLimit
        LimitExceeded.PhoneNumberThirtySecondLimit LimitExceeded.PhoneNumberSameContentDailyLimit
        LimitExceeded.DeliveryFrequencyLimit
    """,
    throttled="RequestLimitExceeded",
    suspended="""
        FailedOperation.InsufficientBalanceInSmsPackage UnauthorizedOperation.SerivceSuspendDueToArrears
        UnauthorizedOperation.SdkAppIdIsDisabled LimitExceeded.AppDailyLimit LimitExceeded.DailyLimit
    """,
    misconfigured="""
        FailedOperation.SignatureIncorrectOrUnapproved FailedOperation.TemplateIncorrectOrUnapproved
        FailedOperation.MissingSignature FailedOperation.MissingSignatureList FailedOperation.MissingTemplateList
        FailedOperation.TemplateUnapprovedOrNotExist FailedOperation.TemplateParamSetNotMatchApprovedTemplate
        FailedOperation.ContainSensitiveWord AuthFailure UnauthorizedOperation InvalidParameter InvalidParameterValue
        MissingParameter UnsupportedOperation InternalError.RequestTimeException
    """,
    in_doubt="InternalError ResourceUnavailable",
)


class TencentSender:
    """Sends by template. `key` gives the SecretKey."""

    def __init__(self, settings: "SmsSettings", key: Callable[[], str], https: Https, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._https = https
        self._clock = clock

    def send(self, message: Message) -> None:
        """See `Sender`."""
        settings = self._settings
        asked: dict[str, str | list[str]] = {
            "PhoneNumberSet": [message.to],
            "SmsSdkAppId": settings.tencent_app_id,
            "TemplateId": templates.template(settings.tencent_templates, message),
            "TemplateParamSet": [value for _, value in templates.variables(settings.tencent_variables, message)],
        }
        # For numbers abroad a signature may be left out.
        if sign := templates.signature(settings.tencent_sign_names, message):
            asked["SignName"] = sign
        if settings.tencent_sender_id:
            asked["SenderId"] = settings.tencent_sender_id
        body = json.dumps(asked).encode()
        at, host = self._clock.now(), settings.tencent_endpoint
        headers = {
            "Host": host,
            "Content-Type": CONTENT_TYPE,
            "X-TC-Action": "SendSms",
            "X-TC-Version": "2021-01-11",
            "X-TC-Timestamp": str(at),
            "X-TC-Region": settings.tencent_region,
            "Authorization": authorization(settings.tencent_secret_id, self._key(), "sms", host, "SendSms", body, at),
        }
        answer = send_errors.post(NAME, self._https, f"https://{host}/", headers, body)
        read = json_answers.read(answer.body)
        code = send_errors.member(read, "Response", "SendStatusSet", 0, "Code")
        if code == "Ok" and answer.status == 200:
            return
        code = send_errors.member(read, "Response", "Error", "Code") or code
        raise send_errors.failed(NAME, code, CODES, answer.status)


def authorization(secret_id: str, key: str, service: str, host: str, action: str, body: bytes, at: int) -> str:
    """The header that signs a POST of JSON to `/` at this time (seconds since 1970)."""
    signed = "content-type;host;x-tc-action"
    lines = f"content-type:{CONTENT_TYPE}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    request = "\n".join(("POST", "/", "", lines, signed, hashlib.sha256(body).hexdigest()))
    date = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    text = f"{ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing = f"TC3{key}".encode()
    for part in (date, service, "tc3_request", text):
        signing = hmac.digest(signing, part.encode(), "sha256")
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signing.hex()}"
