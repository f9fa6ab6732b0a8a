"""How passwords are kept: argon2id, hashed again when the parameters change, never shown; some accounts have none."""

from dataclasses import replace
from typing import Any

from lingpai import bootstrap
from tests.support.api import Api
from tests.support.people import PASSWORD, WEB, can_log_in, code_for, is_alive, machine, somebody


def with_settings(api: Api, **changed: Any) -> Api:
    """Another deployment of the same store, under other settings."""
    settings = api.services.settings.model_copy(update=changed)
    return Api(bootstrap.build(settings, api.services.store, api.time.clock()), api.time)


def test_a_login_hashes_the_password_anew_when_the_parameters_changed(api: Api, monkeypatch: Any) -> None:
    person = somebody(api)
    earlier, before = person.log_in(), person.stored()
    assert before.password
    assert before.password.startswith("$argon2id$v=19$m=8,t=1,p=1$")

    stronger = with_settings(api, argon2_memory_kib=16, argon2_time=2)
    monkeypatch.setattr(bootstrap, "services", lambda: stronger.services)
    assert person.username
    assert not can_log_in(stronger, person.username, "a wrong horse battery")
    assert person.stored() == before
    stronger.log_in(person.username, PASSWORD)
    after = person.stored()
    assert after.password
    assert after.password.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert after == replace(before, password=after.password)
    assert is_alive(stronger, earlier) == (True, True)

    stronger.log_in(person.username, PASSWORD)
    assert person.stored() == after


def test_an_unchanged_hash_stays(api: Api) -> None:
    person = somebody(api)
    before = person.stored()
    person.log_in()
    assert person.stored() == before


def test_passwords_are_compared_after_nfkc(api: Api) -> None:
    body = {"username": "unicode", "password": "ﬁne café Ⅳ"}
    assert api.post("/users/register", json_body=body).status == 200
    for typed in ("ﬁne café Ⅳ", "fine cafe\u0301 IV", "ｆｉｎｅ café IV"):
        assert can_log_in(api, "unicode", typed)
    assert not can_log_in(api, "unicode", "FINE CAFÉ IV")
    assert not can_log_in(api, "unicode", "fine cafe IV")


def test_an_account_made_by_code_has_no_password(api: Api) -> None:
    number = "13912345678"
    answer = api.post("/mobile/token", form={"mobile": number, "code": code_for(api, number)}, basic=WEB)
    assert answer.status == 200
    user = api.services.store.get_user(api.user_id(number))
    assert user
    assert user.password is None
    for guess in ("", "None", "null", number, " "):
        form = {"grant_type": "password", "username": number, "password": guess}
        assert api.post("/oauth/token", form=form, basic=WEB).status == 400


def test_no_answer_shows_a_hash(api: Api) -> None:
    person = somebody(api, number=True, roles={2})
    token, admin, of_machine = person.token, api.admin(), machine(api)
    asked = [
        api.post(path, json_body={"id": person.id, **more}, bearer=bearer)
        for bearer in (token, admin, of_machine)
        for path, more in (
            ("/users/find", {}),
            ("/users/find", {"id": None, "username": person.username}),
            ("/users/current", {}),
            ("/users/list", {"limit": 100}),
            ("/users/update", {}),
            ("/users/save", {}),
            ("/users/pwd/update", {"userId": person.id, "oldPassword": PASSWORD, "newPassword": PASSWORD}),
            ("/users/role/update", {"roleList": [{"id": 2}]}),
            ("/userDetail/get", {}),
            ("/userDetail/current", {}),
            ("/userDetail/update", {"name": "x"}),
            ("/users/register", {"username": "another", "password": PASSWORD}),
            ("/roles/list", {}),
            ("/users/delete", {}),
        )
    ]
    assert {answer.status for answer in asked} == {200, 403, 404, 409}
    for answer in asked:
        assert "argon2" not in answer.body
        assert "password" not in answer.body
