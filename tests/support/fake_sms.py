"""The vendors of text messages, as their documents describe them: what each checks, and what each answers.

The signatures are checked by what is written here, after the vendors' pages, and by nothing of the senders.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from tests.support.fake_web import Call, Reply
from tests.support.time import START

KEY = "the-key-of-a-test-0123456789"
NUMBER = "+8613955550199"
FOREIGN = "+85251234567"
CODE = "918273"
ACCOUNT = "AC" + "0a" * 16
POOL = "pool-0123456789abcdef"


class Bad(Exception):
    """What a vendor finds wrong with a request."""


def check(holds: object, what: str) -> None:
    if not holds:
        raise Bad(what)


def check_time(at: float, now: float) -> None:
    """A signature is good for some minutes."""
    check(abs(at - now) < 900, "time")


@dataclass(frozen=True)
class Vendor:
    """One vendor: its settings, given the host of its fake; what it demands; what it answers in which case.

    `reader` is `read` for a time in seconds since 1970, `clock` the vendor's: that of the tests.
    """

    name: str
    environment: Callable[[str], dict[str, str]]
    reader: Callable[[Call, float], dict[str, Any]]
    unsigned: Reply
    ok: Reply
    # What each case is answered, and how the failure is told.
    refusals: Mapping[str, tuple[Reply, str]]
    clock: Callable[[], float] = lambda: START

    def read(self, call: Call) -> dict[str, Any]:
        """Check a request, and give what it says: `to` and all that the message is made of."""
        return self.reader(call, self.clock())

    def answer(self, call: Call, reply: Reply | None = None) -> Reply:
        """What the vendor answers: `reply` (a success by default), if there is nothing wrong with the request."""
        try:
            self.read(call)
        except Bad:
            return self.unsigned
        return reply or self.ok


def as_json(status: int, /, **content: Any) -> Reply:
    return Reply(status, json.dumps(content).encode())


# --- Aliyun ------------------------------------------------------------------------------------------------------


def read_aliyun(call: Call, now: float) -> dict[str, Any]:
    """https://alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature."""
    found = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=(\w+),SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    check(found and found[1] == "LTAI5tTest", "authorization")
    assert found is not None
    signed = found[2].split(";")
    check(signed == sorted(signed), "order of the signed headers")
    must = {name for name in call.headers if name.startswith("x-acs-") or name in {"host", "content-type"}}
    check(must == set(signed), "all of these headers are signed")
    check(call.headers["x-acs-content-sha256"] == hashlib.sha256(call.body).hexdigest(), "hash of the body")
    pairs = parse_qsl(call.query, strict_parsing=True)
    canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(pairs))
    request = (
        f"{call.method}\n{call.path}\n{canonical}\n"
        + "".join(f"{name}:{call.headers[name]}\n" for name in signed)
        + f"\n{found[2]}\n{call.headers['x-acs-content-sha256']}"
    )
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    check(found[3] == hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest(), "signature")
    check(call.method == "POST" and call.path == "/", "POST /")
    check(call.headers["x-acs-action"] == "SendSms" and call.headers["x-acs-version"] == "2017-05-25", "action")
    at = datetime.strptime(call.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    check_time(at.timestamp(), now)
    check(len(call.headers["x-acs-signature-nonce"]) >= 16, "nonce")
    given = dict(pairs)
    check(set(given) == {"PhoneNumbers", "SignName", "TemplateCode", "TemplateParam"}, "parameters")
    values = json.loads(given["TemplateParam"])
    check(all(isinstance(value, str) for value in values.values()), "TemplateParam holds texts")
    check(re.fullmatch("[0-9]+", given["PhoneNumbers"]), "PhoneNumbers")
    return {
        "to": given["PhoneNumbers"],
        "sign": given["SignName"],
        "template": given["TemplateCode"],
        "values": values,
    }


def aliyun_error(code: str, status: int = 200) -> Reply:
    return as_json(status, Code=code, Message="of " + NUMBER, RequestId="A0000000-3CC1-4000-8000-E00000000000")


ALIYUN = Vendor(
    "aliyun",
    lambda host: {
        "ALIYUN_KEY_ID": "LTAI5tTest",
        "ALIYUN_KEY": KEY,
        "ALIYUN_ENDPOINT": host,
        "ALIYUN_SIGN_NAMES": "令牌,en=Lingpai & Co",
        "ALIYUN_TEMPLATES": "zh.login=SMS_1,zh.link=SMS_2,en=SMS_3,abroad.en=SMS_9",
    },
    read_aliyun,
    unsigned=aliyun_error("SignatureDoesNotMatch", 400),
    ok=as_json(200, Code="OK", Message="OK", BizId="700000000000000000^0", RequestId="A0000000"),
    refusals={
        "throttled": (aliyun_error("Throttling.User", 400), "Throttling.User (throttled)"),
        "bad_number": (
            aliyun_error("isv.MOBILE_NUMBER_ILLEGAL"),
            "isv.MOBILE_NUMBER_ILLEGAL (bad_number)",
        ),
        "number_limit": (
            aliyun_error("isv.BUSINESS_LIMIT_CONTROL"),
            "isv.BUSINESS_LIMIT_CONTROL (number_limit)",
        ),
        "suspended": (aliyun_error("isv.AMOUNT_NOT_ENOUGH"), "isv.AMOUNT_NOT_ENOUGH (suspended)"),
        "misconfigured": (
            aliyun_error("isv.SMS_TEMPLATE_ILLEGAL"),
            "isv.SMS_TEMPLATE_ILLEGAL (misconfigured)",
        ),
        "refused": (aliyun_error("isv.SOMETHING_NEW"), "isv.SOMETHING_NEW (refused)"),
        "in_doubt": (aliyun_error("isp.SYSTEM_ERROR"), "isp.SYSTEM_ERROR (in_doubt)"),
    },
)


# --- Tencent -----------------------------------------------------------------------------------------------------


def read_tencent(call: Call, now: float) -> dict[str, Any]:
    """https://www.tencentcloud.com/document/api/1005/34678."""
    found = re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=(\w+)/(\d{4}-\d\d-\d\d)/(\w+)/tc3_request, "
        r"SignedHeaders=([a-z;-]+), Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    check(found and found[1] == "AKIDtest" and found[3] == "sms", "authorization")
    assert found is not None
    at = call.headers["x-tc-timestamp"]
    check_time(int(at), now)
    check(found[2] == datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d"), "date")
    signed = found[4].split(";")
    check({"content-type", "host"} <= set(signed) and signed == sorted(signed), "signed headers")
    canonical = "".join(f"{name}:{call.headers[name].strip().lower()}\n" for name in signed)
    request = f"POST\n/\n\n{canonical}\n{found[4]}\n{hashlib.sha256(call.body).hexdigest()}"
    text = f"TC3-HMAC-SHA256\n{at}\n{found[2]}/sms/tc3_request\n{hashlib.sha256(request.encode()).hexdigest()}"
    check(derived(f"TC3{KEY}", found[2], "sms", "tc3_request", text) == found[5], "signature")
    check(call.method == "POST" and call.path == "/" and not call.query, "POST /")
    check(call.headers["x-tc-action"] == "SendSms" and call.headers["x-tc-version"] == "2021-01-11", "action")
    check(call.headers["x-tc-region"] == "ap-guangzhou", "region")
    given = json.loads(call.body)
    check(isinstance(given["PhoneNumberSet"], list) and len(given["PhoneNumberSet"]) == 1, "PhoneNumberSet")
    check(given["SmsSdkAppId"] == "1400006666", "SmsSdkAppId")
    check(all(isinstance(value, str) for value in given["TemplateParamSet"]), "TemplateParamSet")
    return {
        "to": given["PhoneNumberSet"][0],
        "sign": given.get("SignName"),
        "template": given["TemplateId"],
        "values": given["TemplateParamSet"],
    }


def derived(key: str, *parts: str) -> str:
    """HMAC-SHA256 of the last part, keyed by that of the part before, and so on."""
    signing = key.encode()
    for part in parts:
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    return signing.hex()


def tencent_error(code: str) -> Reply:
    return as_json(200, Response={"Error": {"Code": code, "Message": "of " + NUMBER}, "RequestId": "r"})


def tencent_status(code: str) -> Reply:
    status = {"SerialNo": "1", "PhoneNumber": NUMBER, "Fee": 0, "SessionContext": "", "Code": code, "Message": "m"}
    return as_json(200, Response={"SendStatusSet": [status], "RequestId": "r"})


TENCENT = Vendor(
    "tencent",
    lambda host: {
        "TENCENT_SECRET_ID": "AKIDtest",
        "TENCENT_SECRET_KEY": KEY,
        "TENCENT_ENDPOINT": host,
        "TENCENT_APP_ID": "1400006666",
        "TENCENT_SIGN_NAMES": "令牌,en=Lingpai & Co",
        "TENCENT_TEMPLATES": "zh.login=1001,zh.link=1002,en=1003,abroad.en=1009",
    },
    read_tencent,
    unsigned=tencent_error("AuthFailure.SignatureFailure"),
    ok=tencent_status("Ok"),
    refusals={
        "throttled": (tencent_error("RequestLimitExceeded"), "RequestLimitExceeded (throttled)"),
        "bad_number": (
            tencent_status("FailedOperation.PhoneNumberInBlacklist"),
            "FailedOperation.PhoneNumberInBlacklist (bad_number)",
        ),
        "number_limit": (
            tencent_status("LimitExceeded.PhoneNumberDailyLimit"),
            "LimitExceeded.PhoneNumberDailyLimit (number_limit)",
        ),
        "suspended": (
            tencent_status("FailedOperation.InsufficientBalanceInSmsPackage"),
            "FailedOperation.InsufficientBalanceInSmsPackage (suspended)",
        ),
        "misconfigured": (
            tencent_status("FailedOperation.TemplateIncorrectOrUnapproved"),
            "FailedOperation.TemplateIncorrectOrUnapproved (misconfigured)",
        ),
        "refused": (tencent_error("FailedOperation.SomethingNew"), "FailedOperation.SomethingNew (refused)"),
        "in_doubt": (
            tencent_status("InternalError.SendAndRecvFail"),
            "InternalError.SendAndRecvFail (in_doubt)",
        ),
    },
)


# --- AWS ---------------------------------------------------------------------------------------------------------


def check_sigv4(call: Call, service: str, region: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""
    found = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential=testing/(\d{{8}})/{region}/{service}/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    check(found, "authorization")
    assert found is not None
    signed = found[2].split(";")
    check({"host", "x-amz-date"} <= set(signed) and signed == sorted(signed), "signed headers")
    canonical = "".join(f"{name}:{' '.join(call.headers[name].split())}\n" for name in signed)
    request = f"{call.method}\n{call.path}\n\n{canonical}\n{found[2]}\n{hashlib.sha256(call.body).hexdigest()}"
    at = call.headers["x-amz-date"]
    scope = f"{found[1]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    check(derived("AWS4testing", found[1], region, service, "aws4_request", text) == found[3], "signature")
    check(call.method == "POST" and call.path == "/", "POST /")


def read_aws(call: Call, now: float) -> dict[str, Any]:
    check_sigv4(call, "sms-voice", "eu-west-1")
    check(call.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage", "target")
    given = json.loads(call.body)
    check(given["MessageType"] == "TRANSACTIONAL" and given["OriginationIdentity"] == POOL, "type and origin")
    check(given["TimeToLive"] == 600, "TimeToLive")
    return {"to": given["DestinationPhoneNumber"], "text": given["MessageBody"]}


def aws_error(code: str, reason: str | None = None, status: int = 400, **more: Any) -> Reply:
    content = {"__type": f"com.amazonaws.smsvoice#{code}", "Message": "of " + NUMBER, **more}
    return as_json(status, **content, **({"Reason": reason} if reason else {}))


AWS = Vendor(
    "aws",
    lambda host: {
        "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2": f"https://{host}",
        "AWS_SMS_REGION": "eu-west-1",
        "AWS_SMS_ORIGINATION": POOL,
    },
    read_aws,
    unsigned=aws_error("InvalidSignatureException", status=403),
    ok=as_json(200, MessageId="5d1b1f5e-0000-4000-8000-000000000000"),
    refusals={
        "throttled": (aws_error("ThrottlingException"), "ThrottlingException (throttled)"),
        "bad_number": (
            aws_error("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
            "ConflictException.DESTINATION_PHONE_NUMBER_OPTED_OUT (bad_number)",
        ),
        "bad_number, invalid": (
            aws_error(
                "ValidationException",
                "INVALID_PARAMETER",
                Fields=[{"Name": "DestinationPhoneNumber", "Message": "of " + NUMBER}],
            ),
            "ValidationException.DestinationPhoneNumber (bad_number)",
        ),
        "suspended": (
            aws_error("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", 402),
            "ServiceQuotaExceededException.MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT (suspended)",
        ),
        "misconfigured": (
            aws_error("ResourceNotFoundException"),
            "ResourceNotFoundException (misconfigured)",
        ),
        "refused": (aws_error("SomethingNewException"), "SomethingNewException (refused)"),
        "in_doubt": (
            aws_error("InternalServerException", status=500),
            "InternalServerException (in_doubt)",
        ),
    },
)


# --- SNS ---------------------------------------------------------------------------------------------------------


def read_sns(call: Call, now: float) -> dict[str, Any]:
    check_sigv4(call, "sns", "eu-west-1")
    given = dict(parse_qsl(call.body.decode(), strict_parsing=True))
    check(given.pop("Action") == "Publish" and given.pop("Version") == "2010-03-31", "action")
    attributes = {}
    for place in (1, 2):
        prefix = f"MessageAttributes.entry.{place}."
        check(given.pop(f"{prefix}Value.DataType") == "String", "type of the attribute")
        attributes[given.pop(f"{prefix}Name")] = given.pop(f"{prefix}Value.StringValue")
    check(
        attributes == {"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": "Lingpai"},
        "attributes",
    )
    check(set(given) == {"PhoneNumber", "Message"}, "parameters")
    return {"to": given["PhoneNumber"], "text": given["Message"]}


def sns_error(code: str, message: str = "of " + NUMBER, status: int = 400) -> Reply:
    body = (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
    return Reply(status, body.encode(), "text/xml")


SNS = Vendor(
    "sns",
    lambda host: {
        "AWS_ENDPOINT_URL_SNS": f"https://{host}",
        "AWS_SMS_REGION": "eu-west-1",
        "SNS_SENDER_ID": "Lingpai",
    },
    read_sns,
    unsigned=sns_error("SignatureDoesNotMatch", status=403),
    ok=Reply(
        200,
        b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
        b"<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>"
        b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>",
        "text/xml",
    ),
    refusals={
        "throttled": (sns_error("Throttling"), "Throttling (throttled)"),
        "bad_number": (
            sns_error(
                "InvalidParameter", f"Invalid parameter: PhoneNumber Reason: {NUMBER} is not valid to publish to"
            ),
            "InvalidParameter.PhoneNumber (bad_number)",
        ),
        "bad_number, opted out": (sns_error("OptedOut"), "OptedOut (bad_number)"),
        "suspended": (sns_error("OptInRequired", status=403), "OptInRequired (suspended)"),
        "misconfigured": (
            sns_error("AuthorizationError", status=403),
            "AuthorizationError (misconfigured)",
        ),
        "refused": (sns_error("SomethingNew"), "SomethingNew (refused)"),
        "in_doubt": (sns_error("InternalError", status=500), "InternalError (in_doubt)"),
    },
)


# --- Twilio ------------------------------------------------------------------------------------------------------


def read_twilio(call: Call, now: float) -> dict[str, Any]:
    """https://www.twilio.com/docs/messaging/api/message-resource."""
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    check(scheme == "Basic" and base64.b64decode(credentials).decode() == f"{ACCOUNT}:{KEY}", "authorization")
    check(call.method == "POST" and call.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", "path")
    check(call.headers["content-type"] == "application/x-www-form-urlencoded", "type")
    given = dict(parse_qsl(call.body.decode(), strict_parsing=True))
    check(given["From"] == "+15005550006" and given["ValidityPeriod"] == "600", "From and ValidityPeriod")
    check(set(given) == {"To", "From", "Body", "ValidityPeriod"}, "parameters")
    return {"to": given["To"], "text": given["Body"]}


def twilio_error(code: int, status: int = 400) -> Reply:
    return as_json(status, code=code, message="of " + NUMBER, more_info="https://www.twilio.com", status=status)


TWILIO = Vendor(
    "twilio",
    lambda host: {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_TOKEN": KEY,
        "TWILIO_FROM": "+15005550006",
        "TWILIO_ENDPOINT": host,
    },
    read_twilio,
    unsigned=twilio_error(20003, 401),
    ok=as_json(201, sid="SM" + "0b" * 16, status="queued", error_code=None, to=NUMBER),
    refusals={
        "throttled": (twilio_error(20429, 429), "20429 (throttled)"),
        "bad_number": (twilio_error(21614), "21614 (bad_number)"),
        "bad_number, at once": (
            as_json(201, sid="SM" + "0b" * 16, status="failed", error_code=30006),
            "30006 (bad_number)",
        ),
        "suspended": (twilio_error(20403, 403), "20403 (suspended)"),
        "misconfigured": (twilio_error(21606), "21606 (misconfigured)"),
        "refused": (twilio_error(29999), "29999 (refused)"),
        "in_doubt": (twilio_error(20500, 500), "20500 (in_doubt)"),
    },
)

VENDORS = (ALIYUN, TENCENT, AWS, SNS, TWILIO)
