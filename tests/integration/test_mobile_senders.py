"""`/mobile/code/get` with senders that deliver: what the caller is told, what is logged, and what reaches a phone."""

import json
from dataclasses import replace

import pytest

from lingpai import bootstrap
from lingpai.sms import budget
from tests.support.api import Answer, Api
from tests.support.fake_sms import ALIYUN, KEY, TWILIO
from tests.support.logs import LOGS
from tests.support.sms import HASTY, Shop
from tests.support.tokens import DONE, WEB, envelope, spring_tokens

NUMBER = "13955550198"
LOGS.hush("phone number", NUMBER)
LOGS.hush("vendor's key", KEY)


@pytest.fixture
def chain(api: Api, vendors: Shop, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API with Aliyun and then Twilio, which are both open already."""
    sms = vendors.sender(
        [ALIYUN, TWILIO], {**HASTY, "SMS_CONNECT_TIMEOUT": "4"}, counters=api.services.store, time=api.time
    )
    services = replace(api.services, sms=sms)
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    return api


def get(api: Api) -> Answer:
    return api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB)


@pytest.fixture
def vendors(shop: Shop) -> Shop:
    shop.open(ALIYUN)
    shop.open(TWILIO)
    return shop


def test_the_code_that_a_vendor_got_logs_in(vendors: Shop, chain: Api) -> None:
    assert get(chain) == DONE
    (call,) = vendors.webs["aliyun"].calls
    code = ALIYUN.read(call)["values"]["code"]
    LOGS.hush("code", code)
    assert vendors.webs["twilio"].calls == []
    answer = chain.post("/mobile/token", form={"mobile": NUMBER, "code": code}, basic=WEB)
    spring_tokens(answer)


def test_what_no_vendor_sent_is_said_and_may_be_asked_again(
    vendors: Shop, chain: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    for vendor in (ALIYUN, TWILIO):
        reply = vendor.refusals["suspended"][0]
        vendors.webs[vendor.name].answer = lambda call, reply=reply: reply  # type: ignore[misc]
    assert get(chain) == envelope(503, "验证码发送失败，请稍后再试", {"retry-after": "60"})
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["level"], line["reason"], line["cause"]) == ("ERROR", "not_sent", "NotSent")
    assert line["detail"] == "aliyun: isv.AMOUNT_NOT_ENOUGH (suspended); twilio: 20403 (suspended)"


def test_what_may_be_on_its_way_is_said_plainly(vendors: Shop, chain: Api) -> None:
    vendors.webs["aliyun"].mode = "late"
    assert get(chain) == envelope(503, "验证码可能已发出，请稍候查收，未收到再重试", {"retry-after": "60"})
    assert (len(vendors.webs["aliyun"].calls), len(vendors.webs["twilio"].calls)) == (1, 0)


def test_a_code_that_came_though_its_answer_was_lost_logs_in(vendors: Shop, chain: Api) -> None:
    vendors.webs["aliyun"].mode = "cut"
    assert get(chain).status == 503
    (call,) = vendors.webs["aliyun"].calls
    code = ALIYUN.read(call)["values"]["code"]
    LOGS.hush("code", code)
    answer = chain.post("/mobile/token", form={"mobile": NUMBER, "code": code}, basic=WEB)
    spring_tokens(answer)


def test_a_number_that_nobody_reaches_is_said(vendors: Shop, chain: Api) -> None:
    reply = ALIYUN.refusals["bad_number"][0]
    vendors.webs["aliyun"].answer = lambda call: reply
    assert get(chain) == envelope(400, "该手机号无法接收短信")
    assert vendors.webs["twilio"].calls == []


def test_one_message_is_proven_once_though_no_other_follows(vendors: Shop, chain: Api) -> None:
    """Who owns a number that a vendor sends no more to asks again and again, and proves the code that is left."""
    assert get(chain) == DONE
    code = ALIYUN.read(vendors.webs["aliyun"].calls[0])["values"]["code"]
    LOGS.hush("code", code)
    for vendor in (ALIYUN, TWILIO):
        reply = vendor.refusals["suspended"][0]
        vendors.webs[vendor.name].answer = lambda call, reply=reply: reply  # type: ignore[misc]
    for _ in range(3):
        chain.time.advance(60)
        assert get(chain).status == 503
        assert chain.post("/mobile/code/verify", form={"mobile": NUMBER, "code": code}) == DONE
    assert budget.traffic(chain.services, "+861395") == budget.Traffic(sent=1, unproven=0, verified=1)
