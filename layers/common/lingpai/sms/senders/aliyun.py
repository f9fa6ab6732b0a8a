"""Aliyun's short message service: SendSms of dysmsapi 2017-05-25, signed by ACS3-HMAC-SHA256.

https://help.aliyun.com/document_detail/55284.html (SendSms)
https://alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature (the signature)
https://help.aliyun.com/document_detail/101347.htm (error codes)

SendSms is not idempotent (see its page): `OutId` is only returned in the receipt, and the nonce of the signature
prevents replays of a request, not a second message. So no request is retried.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from lingpai.kernel.clock import Clock
from lingpai.outbound.https import Https
from lingpai.sms.model import Message
from lingpai.sms.senders import send_errors, templates

if TYPE_CHECKING:
    from lingpai.sms.settings import SmsSettings

NAME = "aliyun"
ALGORITHM = "ACS3-HMAC-SHA256"

CODES = send_errors.table(
    bad_number="isv.MOBILE_NUMBER_ILLEGAL",
    number_limit="isv.BUSINESS_LIMIT_CONTROL",
    throttled="Throttling",
    suspended="""
        isv.AMOUNT_NOT_ENOUGH isv.OUT_OF_SERVICE isv.ACCOUNT_ABNORMAL isv.ACCOUNT_NOT_EXISTS isv.PRODUCT_UN_SUBSCRIPT
        isv.PRODUCT_UNSUBSCRIBE isv.DAY_LIMIT_CONTROL isv.MONTH_LIMIT_CONTROL
    """,
    misconfigured="""
        isv.SMS_TEMPLATE_ILLEGAL isv.SMS_SIGNATURE_ILLEGAL isv.SMS_SIGNATURE_SCENE_ILLEGAL isv.SMS_SIGN_ILLEGAL
        isv.TEMPLATE_MISSING_PARAMETERS isv.TEMPLATE_PARAMS_ILLEGAL isv.INVALID_PARAMETERS isv.INVALID_JSON_PARAM
        isv.PARAM_LENGTH_LIMIT isv.PARAM_NOT_SUPPORT_URL isv.SMS_CONTENT_ILLEGAL isv.BLACK_KEY_CONTROL_LIMIT
        isv.EXTEND_CODE_ERROR isv.DOMESTIC_NUMBER_NOT_SUPPORTED isv.DENY_IP_RANGE isp.RAM_PERMISSION_DENY
        InvalidAccessKeyId SignatureDoesNotMatch IncompleteSignature InvalidTimeStamp SignatureNonceUsed
        Forbidden InvalidVersion InvalidAction
    """,
    in_doubt="isp.SYSTEM_ERROR isp.GATEWAY_ERROR InternalError ServiceUnavailable UnknownError",
)


class AliyunSender:
    """Sends by template. `key` returns the AccessKey secret."""

    def __init__(self, settings: "SmsSettings", key: Callable[[], str], https: Https, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._https = https
        self._clock = clock

    def send(self, message: Message) -> None:
        """See `Sender`."""
        settings = self._settings
        values = dict(templates.variables(settings.aliyun_variables, message))
        asked = {
            "PhoneNumbers": message.to.removeprefix(templates.MAINLAND).removeprefix("+"),
            "SignName": templates.signature(settings.aliyun_sign_names, message),
            "TemplateCode": templates.template(settings.aliyun_templates, message),
            "TemplateParam": json.dumps(values, separators=(",", ":")),
        }
        query = canonical_query(asked)
        headers = {
            "host": settings.aliyun_endpoint,
            "x-acs-action": "SendSms",
            "x-acs-version": "2017-05-25",
            "x-acs-date": datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self._clock.random_bytes(16).hex(),
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        headers["authorization"] = authorization(settings.aliyun_key_id, self._key(), query, headers)
        answer = send_errors.post(NAME, self._https, f"https://{settings.aliyun_endpoint}/?{query}", headers, b"")
        code = send_errors.member(send_errors.read(answer), "Code")
        if code == "OK" and answer.status == 200:
            return
        raise send_errors.failed(NAME, code, CODES, answer.status)


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Names and values percent-encoded by RFC 3986, in the order of their names."""
    return "&".join(f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))


def authorization(key_id: str, key: str, query: str, headers: Mapping[str, str]) -> str:
    """The header that signs a POST to `/` with this canonical query; all of `headers` (lower case) are signed."""
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    request = "\n".join(("POST", "/", query, lines, signed, headers["x-acs-content-sha256"]))
    text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key.encode(), text.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"
