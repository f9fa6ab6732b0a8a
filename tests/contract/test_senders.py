"""The protocol Sender: every sender, in front of a fake of its vendor that checks what it is sent."""

import json
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import moto
import pytest

from lingpai.outbound import acs3
from lingpai.sms.senders import tencent
from tests.support.fake_sms import (
    ALIYUN,
    AWS,
    CODE,
    FOREIGN,
    KEY,
    NUMBER,
    SNS,
    TENCENT,
    TWILIO,
    VENDORS,
    Vendor,
    aliyun_error,
    aws_error,
    sns_error,
    twilio_error,
)
from tests.support.fake_web import Reply
from tests.support.logs import LOGS
from tests.support.sms import HASTY, MESSAGE, Metered, Shop, outcome

LOGS.hush("vendor's key", KEY)

# Those that take texts, and no templates.
TEXTING = [vendor for vendor in VENDORS if vendor not in (ALIYUN, TENCENT)]

every = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
refusals = pytest.mark.parametrize(
    ("vendor", "case"),
    [pytest.param(vendor, case, id=f"{vendor.name}-{case}") for vendor in VENDORS for case in vendor.refusals],
)


# --- what is sent ------------------------------------------------------------------------------------------------


@every
def test_a_message_is_sent_once(shop: Shop, vendor: Vendor) -> None:
    web, meter = shop.open(vendor), Metered()
    assert outcome(shop.sender([vendor], meter=meter)) == "sent"
    (call,) = web.calls
    sent = vendor.read(call)
    assert sent.pop("to") == (NUMBER.removeprefix("+86") if vendor is ALIYUN else NUMBER)
    assert sent == {
        "aliyun": {"sign": "令牌", "template": "SMS_1", "values": {"code": CODE}},
        "tencent": {"sign": "令牌", "template": "1001", "values": [CODE, "10"]},
    }.get(vendor.name, {"text": MESSAGE.text})
    assert meter.counted == {f"SmsSent {vendor.name}": 1}


@every
def test_each_message_is_a_request_of_its_own(shop: Shop, vendor: Vendor) -> None:
    """With a connection of its own, and nothing in it that a vendor could take for the one before."""
    web = shop.open(vendor)
    sender = shop.sender([vendor])
    assert [outcome(sender), outcome(sender)] == ["sent", "sent"]
    assert (len(web.calls), web.connections) == (2, 2)
    if vendor is ALIYUN:
        assert len({call.headers["x-acs-signature-nonce"] for call in web.calls}) == 2


@pytest.mark.parametrize(
    ("change", "chosen"),
    [
        ({}, ("令牌", "SMS_1")),
        ({"purpose": "link"}, ("令牌", "SMS_2")),
        ({"language": "en"}, ("Lingpai & Co", "SMS_3")),
        ({"language": "en", "purpose": "link"}, ("Lingpai & Co", "SMS_3")),
        ({"to": FOREIGN, "language": "en"}, ("Lingpai & Co", "SMS_9")),
        ({"to": FOREIGN}, ("令牌", "SMS_1")),
    ],
)
def test_template_and_signature_are_those_of_language_purpose_and_side(
    shop: Shop, change: Any, chosen: tuple[str, str]
) -> None:
    message = replace(MESSAGE, **change)
    for vendor in (ALIYUN, TENCENT):
        web = shop.open(vendor)
        assert outcome(shop.sender([vendor]), message) == "sent"
        sent = vendor.read(web.calls[0])
        assert (sent["sign"], sent["template"].replace("100", "SMS_")) == chosen
        assert sent["to"] == (message.to.removeprefix("+86").removeprefix("+") if vendor is ALIYUN else message.to)


NOTICE = replace(MESSAGE, code="", text="您的账号已不再使用此手机号登录。", purpose="notice")


@pytest.mark.security("F11")
def test_a_notice_has_a_template_of_its_own(shop: Shop) -> None:
    """Without variables; where there is none, no template for codes is sent."""
    for vendor, templates, values in ((ALIYUN, "ALIYUN_TEMPLATES", {}), (TENCENT, "TENCENT_TEMPLATES", [])):
        web = shop.open(vendor)
        own = {templates: "zh=1001,zh.notice=1007"}
        assert outcome(shop.sender([vendor], own), NOTICE) == "sent"
        sent = vendor.read(web.calls[0])
        assert (sent["template"], sent["values"]) == ("1007", values)
        assert outcome(shop.sender([vendor], {templates: "zh=1001"}), NOTICE) != "sent"
        assert len(web.calls) == 1


@pytest.mark.security("F11")
@pytest.mark.parametrize("vendor", TEXTING, ids=lambda vendor: vendor.name)
def test_a_notice_has_a_text_of_its_own(shop: Shop, vendor: Vendor) -> None:
    web = shop.open(vendor)
    assert outcome(shop.sender([vendor]), NOTICE) == "sent"
    assert outcome(shop.sender([vendor], {"SMS_TEXT_ZH_NOTICE": "另一段文字"}), NOTICE) == "sent"
    assert [vendor.read(call)["text"] for call in web.calls] == [NOTICE.text, "另一段文字"]


@pytest.mark.parametrize(
    ("templates", "purpose", "chosen"),
    [
        ("zh=1001,zh.reset=1003", "reset", "1003"),
        ("zh=1001,zh.link=1002", "reset", "1001"),
        ("zh.login=1001,zh.link=1002", "change", "1002"),
    ],
)
def test_a_purpose_without_a_template_takes_that_of_a_link(
    shop: Shop, templates: str, purpose: Any, chosen: str
) -> None:
    web = shop.open(TENCENT)
    sender = shop.sender([TENCENT], {"TENCENT_TEMPLATES": templates})
    assert outcome(sender, replace(MESSAGE, purpose=purpose)) == "sent"
    assert TENCENT.read(web.calls[0])["template"] == chosen


def test_tencent_needs_no_signature_abroad_but_may_have_a_sender(shop: Shop) -> None:
    web = shop.open(TENCENT)
    abroad = {"TENCENT_SIGN_NAMES": "", "SMS_COUNTRIES": "HK", "TENCENT_SENDER_ID": "Lingpai"}
    assert outcome(shop.sender([TENCENT], abroad), replace(MESSAGE, to=FOREIGN)) == "sent"
    assert TENCENT.read(web.calls[0])["sign"] is None
    assert json.loads(web.calls[0].body)["SenderId"] == "Lingpai"


def test_templates_for_abroad_are_not_for_the_mainland(shop: Shop) -> None:
    """Rather Chinese than refused."""
    web = shop.open(ALIYUN)
    sender = shop.sender([ALIYUN], {"ALIYUN_TEMPLATES": "SMS_1,abroad.en=SMS_9"})
    assert outcome(sender, replace(MESSAGE, language="en")) == "sent"
    assert ALIYUN.read(web.calls[0])["template"] == "SMS_1"


def test_variables_of_a_template_are_named_as_it_names_them(shop: Shop) -> None:
    for vendor, names, expected in (
        (ALIYUN, {"ALIYUN_VARIABLES": "otp=code,minutes"}, {"otp": CODE, "minutes": "10"}),
        (TENCENT, {"TENCENT_VARIABLES": "minutes,code"}, ["10", CODE]),
    ):
        web = shop.open(vendor)
        assert outcome(shop.sender([vendor], names)) == "sent"
        assert vendor.read(web.calls[0])["values"] == expected


@pytest.mark.parametrize("vendor", TEXTING, ids=lambda vendor: vendor.name)
def test_a_text_is_the_operators_where_there_is_one(shop: Shop, vendor: Vendor) -> None:
    web = shop.open(vendor)
    sender = shop.sender([vendor], {"SMS_TEXT_EN_LINK": "{code} links your number, for {minutes} minutes & no more"})
    assert outcome(sender, replace(MESSAGE, language="en", purpose="link")) == "sent"
    assert outcome(sender, replace(MESSAGE, language="en")) == "sent"
    texts = [vendor.read(call)["text"] for call in web.calls]
    assert texts == [f"{CODE} links your number, for 10 minutes & no more", MESSAGE.text]


def test_twilio_takes_a_messaging_service_and_an_api_key(shop: Shop) -> None:
    web = shop.open(TWILIO)
    web.answer = lambda call: TWILIO.ok
    service, key = "MG" + "0c" * 16, "SK" + "0d" * 16
    assert outcome(shop.sender([TWILIO], {"TWILIO_FROM": service, "TWILIO_API_KEY_SID": key})) == "sent"
    (call,) = web.calls
    assert f"MessagingServiceSid={service}" in call.body.decode()
    assert "From=" not in call.body.decode()


# --- what the vendor refuses -------------------------------------------------------------------------------------


@refusals
def test_what_the_vendor_refuses_is_told_by_its_code(shop: Shop, vendor: Vendor, case: str) -> None:
    """One request, and never a second: not even where the vendor would allow it."""
    reply, told = vendor.refusals[case]
    web, meter = shop.open(vendor, reply=reply), Metered()
    reason = case.partition(",")[0]
    kind = {"bad_number": "bad number", "in_doubt": "maybe sent"}.get(reason, "not sent")
    assert outcome(shop.sender([vendor], meter=meter)) == f"{kind}: {vendor.name}: {told}"
    assert len(web.calls) == 1
    assert meter.counted == {f"SmsFailed {vendor.name} {reason}": 1}


@every
def test_a_wrong_key_is_refused(shop: Shop, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the fakes do check the signature."""
    web = shop.open(vendor)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    wrong = {name: "another" for name, value in vendor.environment("").items() if value == KEY}
    assert outcome(shop.sender([vendor], wrong)).startswith(f"not sent: {vendor.name}: ")
    assert len(web.calls) == 1


@every
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, b"Internal Server Error", "text/plain"),
        Reply(502, b"<html>Bad Gateway</html>", "text/html"),
        Reply(503, b""),
        Reply(200, b""),
        Reply(200, b"{}"),
        Reply(200, b"[1, 2]"),
        Reply(200, b'{"Code": 7, "Response": {"SendStatusSet": []}}'),
        Reply(200, b"\xff\xfe\xfd"),
        Reply(200, b"[" * 200_000),
        Reply(302, b"", "text/plain"),
        Reply(403, b"<html>who are you?</html>", "text/html"),
    ],
    ids=lambda reply: f"{reply.status}-{len(reply.body)}",
)
def test_what_is_no_answer_of_the_vendor_leaves_it_open(shop: Shop, vendor: Vendor, reply: Reply) -> None:
    web, meter = shop.open(vendor, reply=reply), Metered()
    assert outcome(shop.sender([vendor], meter=meter)).startswith(f"maybe sent: {vendor.name}: ")
    assert len(web.calls) == 1
    assert meter.counted == {f"SmsFailed {vendor.name} in_doubt": 1}


@pytest.mark.parametrize(
    ("vendor", "reply"),
    [
        (ALIYUN, aliyun_error("SomethingNew", 500)),
        (AWS, aws_error("SomethingNew", status=500)),
        (SNS, sns_error("SomethingNew", status=503)),
        (TWILIO, twilio_error(29999, 500)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_who_broke_down_does_not_say_what_was_done_before(shop: Shop, vendor: Vendor, reply: Reply) -> None:
    """An unknown code is a refusal, but not beside a status of 500."""
    shop.open(vendor, reply=reply)
    told = outcome(shop.sender([vendor]))
    assert told.startswith(f"maybe sent: {vendor.name}: ")
    assert told.endswith(("SomethingNew (in_doubt)", "29999 (in_doubt)"))


def test_a_code_that_is_no_code_is_not_shown(shop: Shop) -> None:
    """A vendor may put anything there, even what it was sent."""
    for vendor, reply in (
        (ALIYUN, Reply(200, f'{{"Code": "no: {NUMBER}"}}'.encode())),
        (TWILIO, Reply(400, f'{{"code": {NUMBER[1:]}}}'.encode())),
    ):
        shop.open(vendor, reply=reply)
        assert outcome(shop.sender([vendor])) == f"not sent: {vendor.name}: a code that cannot be shown (refused)"


# --- what breaks on the way --------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("mode", ["closed", "full", "no handshake", "hang up"])
def test_what_never_reached_the_vendor_is_not_sent(shop: Shop, vendor: Vendor, mode: str) -> None:
    web, meter = shop.open(vendor, mode), Metered()
    told = outcome(shop.sender([vendor], HASTY, meter=meter))
    assert told.startswith(f"not sent: {vendor.name}: ")
    assert told.endswith("(unreachable)")
    assert web.calls == []
    assert web.connections == (1 if mode in {"no handshake", "hang up"} else 0)
    assert meter.counted == {f"SmsFailed {vendor.name} unreachable": 1}


@every
@pytest.mark.parametrize(
    ("mode", "arrived"), [("late", 1), ("cut", 1), ("cut early", 0), ("half", 1), ("drip", 1), ("less than nothing", 1)]
)
def test_what_may_have_reached_the_vendor_may_be_sent(shop: Shop, vendor: Vendor, mode: str, arrived: int) -> None:
    """Even where the vendor read nothing: who wrote it cannot know."""
    web, meter = shop.open(vendor, mode), Metered()
    hasty = {**HASTY, "SMS_CONNECT_TIMEOUT": "20"}
    assert outcome(shop.sender([vendor], hasty, meter=meter)).startswith(f"maybe sent: {vendor.name}: ")
    assert (len(web.calls), web.connections) == (arrived, 1)
    assert meter.counted == {f"SmsFailed {vendor.name} in_doubt": 1}


def test_a_certificate_of_somebody_else_is_no_connection(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    web = shop.open(TWILIO)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert outcome(shop.sender([TWILIO])) == "not sent: twilio: SSLCertVerificationError (unreachable)"
    assert web.calls == []


def test_a_certificate_for_another_name_is_no_connection(shop: Shop) -> None:
    web = shop.open(TWILIO)
    other = web.host.replace("127.0.0.1", "localhost")
    assert outcome(shop.sender([TWILIO], {"TWILIO_ENDPOINT": other})) == (
        "not sent: twilio: SSLCertVerificationError (unreachable)"
    )
    assert web.calls == []


def test_a_name_without_an_address_is_no_connection(shop: Shop) -> None:
    shop.open(TWILIO)
    sender = shop.sender([TWILIO], {"TWILIO_ENDPOINT": "nobody.invalid"})
    told = outcome(sender)
    assert told.startswith("not sent: twilio: ")
    assert told.endswith("(unreachable)")


def test_a_name_that_is_never_resolved_is_waited_for_no_longer_than_a_connection(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's resolver knows no time-out, so it is stood in for."""
    shop.open(TWILIO)
    never = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        never.wait(30)
        return []

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    assert outcome(shop.sender([TWILIO], HASTY)) == "not sent: twilio: name not resolved in time (unreachable)"
    never.set()


def test_an_answer_without_an_end_is_not_read_to_it(shop: Shop) -> None:
    web = shop.open(TWILIO, "endless")
    assert outcome(shop.sender([TWILIO])) == "maybe sent: twilio: answer lost, answer too long (in_doubt)"
    assert len(web.calls) == 1


# --- secrets -----------------------------------------------------------------------------------------------------


def test_a_key_may_be_kept_in_secrets_manager(shop: Shop) -> None:
    """And is fetched once, when first needed."""
    web = shop.open(TWILIO)
    with moto.mock_aws():
        manager: Any = botocore.session.get_session().create_client("secretsmanager", region_name="us-east-1")
        arn = manager.create_secret(Name="twilio", SecretString=KEY)["ARN"]
        # moto stands inside botocore.
        kept = {"TWILIO_TOKEN": "", "TWILIO_TOKEN_SECRET": arn, "AWS_TRANSPORT": "botocore"}
        sender = shop.sender([TWILIO], kept)
        assert outcome(sender) == "sent"
        manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        assert outcome(sender) == "sent"
        assert len(web.calls) == 2
        another = shop.sender([TWILIO], kept)
        assert outcome(another) == "not sent: twilio: secret unavailable (misconfigured)"
    assert len(web.calls) == 2


@pytest.mark.parametrize("vendor", [AWS, SNS], ids=lambda vendor: vendor.name)
def test_without_credentials_nothing_is_sent(shop: Shop, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    web = shop.open(vendor)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert outcome(shop.sender([vendor])) == f"not sent: {vendor.name}: NoCredentialsError (misconfigured)"
    assert web.connections == 0


def test_what_another_service_refuses_is_not_the_vendors_word(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Here the one that should give credentials: nothing was sent, whatever it says."""
    web = shop.open(SNS)
    tokens = shop.open(TWILIO)
    tokens.answer = lambda call: sns_error("InternalError", "no")
    token = tmp_path / "token"
    token.write_text("a token", "utf-8")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(shop.certificate.path))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://{tokens.host}")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/sender")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    assert outcome(shop.sender([SNS])) == "not sent: sns: ClientError (misconfigured)"
    assert (len(tokens.calls), web.connections) == (1, 0)


@every
def test_nothing_is_told_but_the_detail(shop: Shop, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Not even by botocore, which at DEBUG quotes whole requests."""
    shop.open(vendor, reply=vendor.refusals["bad_number"][0])
    sender = shop.sender([vendor])
    with caplog.at_level(logging.DEBUG):
        told = outcome(sender)
    everything = told + repr(sender) + "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in (CODE, NUMBER, NUMBER[3:], KEY):
        assert secret not in everything


# --- the vendors' published examples -----------------------------------------------------------------------------


def test_aliyun_signs_as_its_example() -> None:
    """The example of the page that `acs3` names: its fixed parameters and the signature it gives for them."""
    query = acs3.canonical_query(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    headers = {
        "x-acs-action": "RunInstances",
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-version": "2014-05-26",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    assert acs3.authorization("YourAccessKeyId", "YourAccessKeySecret", query, headers) == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_tencent_signs_as_its_example() -> None:
    """The example of the page that `tencent` names, whose credentials are asterisks."""
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    signed = tencent.authorization(
        "AKID" + "*" * 32, "*" * 32, "cvm", "cvm.tencentcloudapi.com", "DescribeInstances", body, 1551113065
    )
    assert signed == (
        f"TC3-HMAC-SHA256 Credential=AKID{'*' * 32}/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )
