"""Aliyun's short message service: SendSms of dysmsapi 2017-05-25, signed by ACS3-HMAC-SHA256.

https://help.aliyun.com/document_detail/55284.html (SendSms)
https://help.aliyun.com/document_detail/101347.htm (error codes)

SendSms is not idempotent (see its page): `OutId` is only returned in the receipt, and the nonce of the signature
prevents replays of a request, not a second message. So no request is retried.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from lingpai.kernel.clock import Clock
from lingpai.outbound import acs3, json_answers
from lingpai.outbound.https import Https
from lingpai.sms.model import Message
from lingpai.sms.senders import send_errors, templates

if TYPE_CHECKING:
    from lingpai.sms.settings import SmsSettings

NAME = "aliyun"

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
        query = acs3.canonical_query(asked)
        headers = acs3.headers(settings.aliyun_endpoint, "SendSms", "2017-05-25", b"", self._clock)
        headers["authorization"] = acs3.authorization(settings.aliyun_key_id, self._key(), query, headers)
        answer = send_errors.post(NAME, self._https, f"https://{settings.aliyun_endpoint}/?{query}", headers, b"")
        code = send_errors.member(json_answers.read(answer.body), "Code")
        if code == "OK" and answer.status == 200:
            return
        raise send_errors.failed(NAME, code, CODES, answer.status)
