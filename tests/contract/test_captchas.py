"""The protocol Captcha: every provider, in front of a fake that checks what it is asked."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import moto
import pytest

from lingpai import bootstrap
from lingpai.captcha.provider import BadSolution, Captcha, Unavailable
from lingpai.kernel.errors import LingpaiError, SettingsError
from lingpai.settings import from_environment
from tests.support.fake_captcha import ADDRESS, ALIYUN, GEETEST, KEY, PEPPER, PROVIDERS, SUBJECT, TURNSTILE, Provider
from tests.support.fake_web import Call, Certificate, Reply, Web
from tests.support.logs import LOGS
from tests.support.time import START, Time

LOGS.hush("key of a captcha", KEY)

# A busy machine may be slow, where nothing hangs.
PATIENT = {"CAPTCHA_CONNECT_TIMEOUT": "20", "CAPTCHA_READ_TIMEOUT": "20"}
# Where something hangs, that is what the test waits for.
HASTY = {"CAPTCHA_CONNECT_TIMEOUT": "0.4", "CAPTCHA_READ_TIMEOUT": "0.4"}

every = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)


def cases(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("provider", "case"),
        [pytest.param(each, case, id=f"{each.name}-{case}") for each in PROVIDERS for case in getattr(each, kind)],
    )


@dataclass
class Street:
    """Fakes of the providers, which run to the end of the test."""

    certificate: Certificate
    _stack: ExitStack
    webs: dict[str, Web] = field(default_factory=dict)

    def open(self, provider: Provider, mode: Any = "answer", reply: Reply | None = None) -> Web:
        def answer(call: Call) -> Reply:
            answered = provider.answer(call)
            return reply if reply is not None and answered is provider.ok else answered

        web = self._stack.enter_context(Web(self.certificate, answer, mode).running())
        self.webs[provider.name] = web
        return web

    def environment(self, provider: Provider) -> dict[str, str]:
        """All settings of the provider."""
        host = self.webs[provider.name].host
        own = {"CAPTCHA": provider.name, "CAPTCHA_KEY": KEY, "CAPTCHA_ENDPOINT": host, **provider.environment}
        return {**PATIENT, **own}

    def captcha(self, provider: Provider, environment: Mapping[str, str] | None = None) -> Captcha:
        """The captcha, made from the environment as in a deployment."""
        settings = from_environment({**self.environment(provider), **(environment or {})})
        found = bootstrap.captcha(settings, settings.captcha, lambda: PEPPER, Time().clock())
        assert found is not None
        return found


@pytest.fixture
def street(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with ExitStack() as stack:
        yield Street(certificate, stack)


def outcome(captcha: Captcha, solution: str) -> str:
    """What becomes of the solution, with the detail of a failure."""
    try:
        captcha.verify(solution, SUBJECT, ADDRESS)
    except BadSolution:
        return "bad"
    except Unavailable as error:
        return error.detail
    return "solved"


# --- what is asked -----------------------------------------------------------------------------------------------


@every
def test_a_solution_is_asked_for_once(street: Street, provider: Provider) -> None:
    """The fake has checked every parameter, and was given the solution as it came."""
    web = street.open(provider)
    solved = street.captcha(provider).verify(provider.solution, SUBJECT, ADDRESS)
    (call,) = web.calls
    assert provider.reader(call) == provider.solution
    assert solved.id
    assert solved.expires_at > START


@every
def test_each_question_is_signed_anew(street: Street, provider: Provider) -> None:
    web, captcha = street.open(provider), street.captcha(provider)
    assert [outcome(captcha, provider.solution) for _ in range(2)] == ["solved", "solved"]
    assert (len(web.calls), web.connections) == (2, 2)
    if provider is ALIYUN:
        assert len({call.headers["x-acs-signature-nonce"] for call in web.calls}) == 2


@every
def test_one_solution_has_one_id(street: Street, provider: Provider) -> None:
    """By which it is used up, and no other solution with it."""
    street.open(provider)
    captcha = street.captcha(provider)
    other = provider.solution.replace("4dc3", "5dc3") if provider is GEETEST else f"{provider.solution}x"
    ids = [captcha.verify(each, SUBJECT, ADDRESS).id for each in (provider.solution, provider.solution, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_solution_of_geetest_is_known_by_its_number(street: Street) -> None:
    """However it is written."""
    street.open(GEETEST)
    captcha = street.captcha(GEETEST)
    ids = {captcha.verify(each, SUBJECT, ADDRESS).id for each in (GEETEST.solution, GEETEST.solution.replace(" ", ""))}
    assert len(ids) == 1


@every
def test_the_challenge_has_what_the_widget_takes(street: Street, provider: Provider) -> None:
    """And asks nobody."""
    web = street.open(provider)
    assert street.captcha(provider).challenge(SUBJECT) == provider.challenge
    assert web.connections == 0


def test_aliyun_has_a_region_for_its_endpoint(street: Street) -> None:
    street.open(ALIYUN)
    captcha = street.captcha(ALIYUN, {"CAPTCHA_ENDPOINT": "captcha.ap-southeast-1.aliyuncs.com"})
    assert captcha.challenge(SUBJECT)["region"] == "sgp"


# --- what is answered --------------------------------------------------------------------------------------------


@cases("bad")
def test_a_solution_that_the_provider_refuses_is_a_bad_one(street: Street, provider: Provider, case: str) -> None:
    web = street.open(provider, reply=provider.bad[case])
    assert outcome(street.captcha(provider), provider.solution) == "bad"
    assert len(web.calls) == 1


@cases("down")
def test_an_answer_that_says_nothing_of_the_solution(street: Street, provider: Provider, case: str) -> None:
    """It is not solved, and nobody is told that it was wrong."""
    web = street.open(provider, reply=provider.down[case])
    assert outcome(street.captcha(provider), provider.solution).startswith(f"{provider.name}: ")
    assert len(web.calls) == 1


@every
def test_a_wrong_key_is_no_fault_of_the_solution(street: Street, provider: Provider) -> None:
    """So the fakes do check it."""
    web = street.open(provider)
    assert outcome(street.captcha(provider, {"CAPTCHA_KEY": "another"}), provider.solution).endswith("HTTP 400")
    assert len(web.calls) == 1


@every
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, b"Internal Server Error", "text/plain"),
        Reply(503, b""),
        Reply(200, b""),
        Reply(200, b"{}"),
        Reply(200, b"[1, 2]"),
        Reply(200, b"true"),
        Reply(200, b"\xff\xfe\xfd"),
        Reply(200, b"[" * 200_000),
        Reply(302, b"", "text/plain"),
    ],
    ids=lambda reply: f"{reply.status}-{len(reply.body)}",
)
def test_garbage_is_no_answer(street: Street, provider: Provider, reply: Reply) -> None:
    street.open(provider, reply=reply)
    assert outcome(street.captcha(provider), provider.solution).startswith(f"{provider.name}: ")


@every
def test_a_success_with_the_status_of_an_error_is_none(street: Street, provider: Provider) -> None:
    street.open(provider, reply=Reply(500, provider.ok.body))
    assert outcome(street.captcha(provider), provider.solution) == f"{provider.name}: HTTP 500"


@every
@pytest.mark.parametrize("mode", ["closed", "no handshake", "hang up", "late", "cut", "half", "drip", "endless"])
def test_a_provider_that_is_down_is_waited_for_no_longer_than_its_time(
    street: Street, provider: Provider, mode: str
) -> None:
    street.open(provider, mode)
    told = outcome(street.captcha(provider, HASTY), provider.solution)
    assert told.startswith(f"{provider.name}: ")


def test_a_certificate_of_somebody_else_is_no_connection(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    web = street.open(TURNSTILE)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert outcome(street.captcha(TURNSTILE), TURNSTILE.solution) == "turnstile: SSLCertVerificationError"
    assert web.calls == []


# --- what is not even asked --------------------------------------------------------------------------------------


@every
def test_what_is_too_long_is_not_sent(street: Street, provider: Provider) -> None:
    web = street.open(provider)
    assert outcome(street.captcha(provider), "x" * 9000) == "bad"
    assert web.connections == 0


@pytest.mark.parametrize(
    "solution",
    ["", "no JSON", "[]", "7", "null", '{"lot_number":"1"}', GEETEST.solution.replace('"1764500000"', "1764500000"),
     GEETEST.solution.replace("a pass", "\\ud800"), "[" * 8000],
    ids=range(9),
)  # fmt: skip
def test_what_geetest_could_not_read_is_not_sent(street: Street, solution: str) -> None:
    web = street.open(GEETEST)
    assert outcome(street.captcha(GEETEST), solution) == "bad"
    assert web.connections == 0


# --- keys --------------------------------------------------------------------------------------------------------


@every
def test_a_key_may_be_kept_in_secrets_manager(street: Street, provider: Provider) -> None:
    """And is fetched once, when first needed."""
    street.open(provider)
    with moto.mock_aws():
        manager: Any = botocore.session.get_session().create_client("secretsmanager", region_name="us-east-1")
        arn = manager.create_secret(Name="captcha", SecretString=KEY)["ARN"]
        # moto stands inside botocore.
        kept = {"CAPTCHA_KEY": "", "CAPTCHA_KEY_SECRET": arn, "AWS_TRANSPORT": "botocore", "AWS_REGION": "us-east-1"}
        captcha = street.captcha(provider, kept)
        assert outcome(captcha, provider.solution) == "solved"
        manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        assert outcome(captcha, provider.solution) == "solved"
        with pytest.raises(LingpaiError) as refused:
            outcome(street.captcha(provider, kept), provider.solution)
        assert refused.value.status == 503


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (TURNSTILE, "CAPTCHA_ID"),
        (TURNSTILE, "CAPTCHA_KEY"),
        (GEETEST, "CAPTCHA_ID"),
        (GEETEST, "CAPTCHA_KEY"),
        (ALIYUN, "CAPTCHA_ID"),
        (ALIYUN, "CAPTCHA_PREFIX"),
        (ALIYUN, "CAPTCHA_KEY_ID"),
        (ALIYUN, "CAPTCHA_KEY"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_a_provider_needs_is_missed_at_the_start(street: Street, provider: Provider, name: str) -> None:
    street.open(provider)
    with pytest.raises(SettingsError, match=rf"\A{name}: CAPTCHA {provider.name} needs it(, or CAPTCHA_KEY_SECRET)?\Z"):
        street.captcha(provider, {name: ""})


def test_altcha_needs_nothing() -> None:
    assert from_environment({"CAPTCHA": "altcha"}).captcha == "altcha"


@every
def test_nothing_is_told_but_the_detail(street: Street, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    street.open(provider, reply=next(iter(provider.down.values())))
    captcha = street.captcha(provider)
    with caplog.at_level(logging.DEBUG):
        told = outcome(captcha, provider.solution)
    everything = told + repr(captcha) + "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in (KEY, provider.solution, SUBJECT.number):
        assert secret not in everything
