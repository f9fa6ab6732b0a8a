"""The settings of senders: what is wrong or missing is found at start, by its name."""

import pytest

from lingpai.kernel.errors import SettingsError
from lingpai.settings import Settings, from_environment
from tests.support.fake_sms import ACCOUNT, ALIYUN, AWS, SNS, TENCENT, TWILIO, VENDORS, Vendor

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lingpai/sms-AbCdEf"


def environment(*vendors: Vendor, **changed: str) -> dict[str, str]:
    """All that these vendors need, but for what is changed."""
    names = {"SMS_PROVIDER": ",".join(vendor.name for vendor in vendors)}
    for vendor in vendors:
        names |= vendor.environment("sms.example.com:8443")
    return {**names, **changed}


def wrong(given: dict[str, str]) -> list[str]:
    """The lines that refuse the environment."""
    with pytest.raises(SettingsError) as refused:
        from_environment(given)
    return sorted(str(refused.value).splitlines())


def test_providers_stand_in_their_order() -> None:
    found = from_environment(environment(TWILIO, ALIYUN, SNS))
    assert found.sms_provider == ("twilio", "aliyun", "sns")
    assert from_environment({"SMS_PROVIDER": " console "}).sms_provider == Settings().sms_provider == ("console",)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("twilio,twilio", "names a provider twice"),
        ("twilio,console", "console delivers nothing, so it stands alone"),
        ("twilio,pigeon", "'twilio'"),
        (",", "is empty"),
    ],
)
def test_a_chain_that_is_none_is_refused(value: str, told: str) -> None:
    (line,) = wrong(environment(TWILIO, SMS_PROVIDER=value))
    assert line.startswith("SMS_PROVIDER: ")
    assert told in line


@pytest.mark.parametrize(
    ("vendor", "name", "told"),
    [
        (ALIYUN, "ALIYUN_KEY_ID", "SMS_PROVIDER aliyun needs it"),
        (ALIYUN, "ALIYUN_KEY", "SMS_PROVIDER aliyun needs it, or ALIYUN_KEY_SECRET"),
        (ALIYUN, "ALIYUN_SIGN_NAMES", "SMS_PROVIDER aliyun needs it"),
        (ALIYUN, "ALIYUN_TEMPLATES", "SMS_PROVIDER aliyun needs it"),
        (TENCENT, "TENCENT_SECRET_ID", "SMS_PROVIDER tencent needs it"),
        (TENCENT, "TENCENT_SECRET_KEY", "SMS_PROVIDER tencent needs it, or TENCENT_SECRET_KEY_SECRET"),
        (TENCENT, "TENCENT_APP_ID", "SMS_PROVIDER tencent needs it"),
        (TENCENT, "TENCENT_TEMPLATES", "SMS_PROVIDER tencent needs it"),
        (TENCENT, "TENCENT_SIGN_NAMES", "SMS_PROVIDER tencent needs it"),
        (AWS, "AWS_SMS_ORIGINATION", "SMS_PROVIDER aws needs it"),
        (TWILIO, "TWILIO_ACCOUNT_SID", "SMS_PROVIDER twilio needs it"),
        (TWILIO, "TWILIO_TOKEN", "SMS_PROVIDER twilio needs it, or TWILIO_TOKEN_SECRET"),
        (TWILIO, "TWILIO_FROM", "SMS_PROVIDER twilio needs it"),
    ],
)
def test_what_a_provider_needs_is_missed_by_name(vendor: Vendor, name: str, told: str) -> None:
    """Also where another provider stands before it; and only where it was chosen."""
    assert wrong(environment(vendor, **{name: ""})) == [f"{name}: {told}"]
    other = next(known for known in VENDORS if known is not vendor)
    assert wrong(environment(other, vendor, **{name: ""})) == [f"{name}: {told}"]
    from_environment(environment(other))


def test_everything_missing_is_told_at_once() -> None:
    lines = wrong({"SMS_PROVIDER": "twilio,aws", "SMS_DEADLINE": "2"})
    assert [line.partition(":")[0] for line in lines] == [
        "AWS_SMS_ORIGINATION",
        "SMS_DEADLINE",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_FROM",
        "TWILIO_TOKEN",
    ]


def test_senders_have_the_time_of_one_try_and_more() -> None:
    """With that of one alone, some of it was over before the first, and none was ever asked."""
    times = {"SMS_CONNECT_TIMEOUT": "2", "SMS_READ_TIMEOUT": "6"}
    line = "SMS_DEADLINE: not longer than SMS_CONNECT_TIMEOUT and SMS_READ_TIMEOUT together"
    assert wrong({**times, "SMS_DEADLINE": "8"}) == [line]
    from_environment({**times, "SMS_DEADLINE": "8.1"})


def test_a_key_may_be_named_in_place_of_given() -> None:
    for vendor, name in ((ALIYUN, "ALIYUN_KEY"), (TENCENT, "TENCENT_SECRET_KEY"), (TWILIO, "TWILIO_TOKEN")):
        from_environment(environment(vendor, **{name: "", f"{name}_SECRET": ARN}))
        # A key that was put where its name belongs is not sent to AWS as a name, nor shown.
        (line,) = wrong(environment(vendor, **{name: "", f"{name}_SECRET": "mistaken-for-a-name"}))
        assert line.startswith(f"{name}_SECRET: ")
        assert "mistaken" not in line


def test_signatures_are_needed_for_numbers_of_china_alone() -> None:
    from_environment(environment(TENCENT, TENCENT_SIGN_NAMES="", SMS_COUNTRIES="SG,MY"))


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("SMS_1", (("zh", "SMS_1"),)),
        ("zh=SMS_1, en = SMS_2", (("zh", "SMS_1"), ("en", "SMS_2"))),
        ("zh.login=A,zh.link=B,abroad.en.link=C", (("zh.login", "A"), ("zh.link", "B"), ("abroad.en.link", "C"))),
        ("zh=a=b", (("zh", "a=b"),)),
    ],
)
def test_templates_by_kind(value: str, kinds: tuple[tuple[str, str], ...]) -> None:
    assert from_environment(environment(ALIYUN, ALIYUN_TEMPLATES=value)).aliyun_templates == kinds


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("fr=SMS_1", "'fr' is not one of zh, zh.login, zh.link, zh.reset, zh.change, zh.notice, en, "),
        ("zh.logon=SMS_1", "'zh.logon' is not one of "),
        ("zh=SMS_1,zh=SMS_2", "each kind needs one value"),
        ("zh=SMS_1,SMS_2", "each kind needs one value"),
        ("zh=", "each kind needs one value"),
        ("en=SMS_1", "has nothing for zh.link"),
        ("zh.login=SMS_1", "has nothing for zh.link"),
        ("abroad.zh=SMS_1", "has nothing for zh.login"),
    ],
)
def test_templates_that_are_none_are_refused(value: str, told: str) -> None:
    lines = wrong(environment(ALIYUN, ALIYUN_TEMPLATES=value))
    assert all(line.startswith("ALIYUN_TEMPLATES: ") for line in lines)
    assert any(told in line for line in lines)


@pytest.mark.parametrize("text", ["您的验证码是 {code}", "{code}: good for {minutes} minutes {{really}}", ""])
def test_texts(text: str) -> None:
    assert from_environment({"SMS_TEXT_EN_LINK": text}).sms_text_en_link == text


@pytest.mark.parametrize(
    "text",
    [
        "Your code",
        "{code} {code}",
        "{code} for {name}",
        "{code:0>99999999}",
        "{code!r}",
        "{code.__class__}",
        "{code[0]}",
        "{0} {code}",
        "{} {code}",
        "{code",
        "{code!r:>{minutes}}x}",
    ],
)
def test_texts_without_their_code_are_refused(text: str) -> None:
    (line,) = wrong({"SMS_TEXT_ZH_LOGIN": text})
    assert line.startswith("SMS_TEXT_ZH_LOGIN: needs {code} once")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMS_CONNECT_TIMEOUT", "0"),
        ("SMS_READ_TIMEOUT", "-1"),
        ("SMS_BREAKER_FAILURES", "-1"),
        ("SMS_BREAKER_PAUSE", "0"),
        ("ALIYUN_ENDPOINT", "https://dysmsapi.aliyuncs.com"),
        ("ALIYUN_ENDPOINT", "a..b"),
        ("ALIYUN_ENDPOINT", "a." + 64 * "b"),
        ("ALIYUN_KEY_ID", "one\r\nX-Another: line"),
        ("TENCENT_SECRET_ID", "密"),
        ("TENCENT_ENDPOINT", "sms.tencentcloudapi.com/"),
        ("TWILIO_ENDPOINT", "user@api.twilio.com"),
        ("TWILIO_ACCOUNT_SID", ACCOUNT[:-1]),
        ("TWILIO_ACCOUNT_SID", ACCOUNT + "/x"),
        ("TWILIO_API_KEY_SID", ACCOUNT),
        ("SMS_CONNECT_TIMEOUT", "inf"),
        ("SMS_READ_TIMEOUT", "nan"),
        ("SIGN_TIMEOUT", "1e300"),
        ("ALIYUN_VARIABLES", ","),
        ("ALIYUN_VARIABLES", "minutes"),
        ("TENCENT_VARIABLES", "code,code"),
        ("ALIYUN_VARIABLES", "name"),
        ("TENCENT_VARIABLES", "code,otp=text"),
        ("TENCENT_APP_ID", "app"),
        ("TENCENT_REGION", "ap guangzhou"),
        ("AWS_SMS_REGION", "eu-west-1.evil"),
        ("SNS_SENDER_ID", "TwelveLetters"),
        ("SNS_ORIGINATION_NUMBER", "Lingpai"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    lines = wrong({name: value})
    assert {line.partition(":")[0] for line in lines} == {name}
