"""Codes: sent, checked, used up, and what they open. Few are asked for: an address may ask for thirty an hour."""

from tests.blackbox.service import Person, Service, new_number, somebody
from tests.support.api import NO_STORE, Answer
from tests.support.dialects import sdk, usercenter_tokens
from tests.support.expect import gives, refuses, succeeds
from tests.support.tokens import (
    BAD_CODE,
    BAD_SPRING_CLIENT,
    DONE,
    envelope,
    not_allowed,
    spring_tokens,
    standard_tokens,
)

BAD_CODE_TEXT = "验证码错误或已失效"


def get(service: Service, number: str, client: str = "web-client") -> Answer:
    return service.post("/mobile/code/get", form={"mobile": number}, basic=service.client(client))


def verify(service: Service, number: str, code: str) -> Answer:
    return service.post("/mobile/code/verify", form={"mobile": number, "code": code})


def log_in(service: Service, number: str, code: str, client: str = "web-client") -> Answer:
    return service.post("/mobile/token", form={"mobile": number, "code": code}, basic=service.client(client))


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_code_opens_a_new_account_once(service: Service) -> None:
    service.needs("codes")
    number = new_number()
    assert get(service, number) == DONE
    code = service.read_code(f"+86{number}")
    assert verify(service, number, another(code)) == envelope(400, BAD_CODE_TEXT)
    assert log_in(service, number, another(code)) == BAD_CODE
    assert verify(service, number, code) == DONE
    tokens = spring_tokens(log_in(service, number, code))
    assert log_in(service, number, code) == BAD_CODE
    shown = gives(service.get("/users/current", bearer=tokens["access_token"]))
    assert (shown["username"], shown["phone"], shown["roleList"]) == (number, number, [])

    soon = get(service, number)
    wait = soon.headers["retry-after"]
    assert soon == Answer(429, {**NO_STORE, "retry-after": wait}, envelope(429, "验证码发送过于频繁，请稍后再试").body)
    assert 0 < int(wait) <= 60


def test_a_code_opens_the_account_of_its_number(service: Service, admin: str) -> None:
    """Here as the extension grant of RFC 6749 section 4.5."""
    person = somebody(service, admin, number=True)
    assert person.number is not None
    form = {"grant_type": "urn:lingpai:grant:mobile-code", "mobile": person.number, "scope": "lingpai:account"}
    client = service.client("standard-client")
    form["code"] = service.code_for(person.number, client)
    answer = service.post("/oauth/token", form=form, basic=client)
    tokens = standard_tokens(answer, scope="lingpai:account")
    assert gives(service.get("/users/current", bearer=tokens["access_token"]))["id"] == person.id


def test_a_code_in_the_shape_of_seed_002(service: Service, admin: str) -> None:
    person = somebody(service, admin, number=True)
    assert person.number is not None
    body = sdk(person.username, validateCode=service.code_for(person.number))
    tokens = usercenter_tokens(service.post("/oauth/token", json_body=body))
    assert gives(service.get("/users/current", bearer=tokens["accessToken"]))["id"] == person.id


def test_a_number_of_ones_own_is_proven_by_its_code(service: Service, person: Person) -> None:
    number, token = new_number(), person.token
    body = {"id": person.id, "phone": number}
    refuses(service.post("/users/update", json_body=body, bearer=token), 400, "缺少参数 code")
    code = service.code_for(number)
    wrong = {**body, "code": another(code)}
    refuses(service.post("/users/update", json_body=wrong, bearer=token), 400, BAD_CODE_TEXT)
    succeeds(service.post("/users/update", json_body={**body, "code": code}, bearer=token))
    assert gives(service.get("/users/current", bearer=token))["phone"] == number


def test_refusals(service: Service) -> None:
    assert get(service, "12") == envelope(400, "手机号无效")
    assert get(service, "+1 202 555 0143") == envelope(400, "不支持该国家或地区的手机号")
    assert service.post("/mobile/code/get", basic=service.client("web-client")) == envelope(400, "缺少参数 mobile")
    assert verify(service, new_number(), "12345") == envelope(400, BAD_CODE_TEXT)
    number = new_number()
    form = {"mobile": number, "code": "000000"}
    assert service.post("/mobile/token", form=form, basic=("web-client", "wrong")) == BAD_SPRING_CLIENT
    assert log_in(service, number, "000000", "machine-client") == not_allowed("mobile")
