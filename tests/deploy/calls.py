"""For each permission that every stack grants, a call that needs it.

Each of these functions sets up what its call needs while nothing is missing, and gives the call itself.
"""

import functools
import json
import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

from lingpai.accounts.ended_accounts import DELETED_AT_ONCE
from lingpai.sessions import service as sessions
from lingpai.webhooks import messages
from lingpai.webhooks.messages import EventMessage, LogoutMessage, Message
from tests.blackbox.service import Person, new_name, new_number, new_password
from tests.blackbox.visitor import Visitor
from tests.deploy.permissions import (
    ANYTHING,
    BATCH_GET,
    BATCH_WRITE,
    CHECK,
    DECRYPT,
    DELETE,
    DELETE_MESSAGE,
    DESCRIBE,
    DESCRIBE_BACKUPS,
    DESCRIBE_TTL,
    ENCRYPT,
    GET,
    LIST_STREAMS,
    LOOK_AT_QUEUE,
    MAKE_PAIR,
    POSTPONE,
    PUT,
    PUT_EVENTS,
    QUERY,
    READ_STREAM,
    RECEIVE,
    SCAN,
    SECRET,
    SEND_MESSAGE,
    UPDATE,
    Call,
    Line,
    World,
    renew,
    streams,
)
from tests.deploy.stack import ALIAS
from tests.support.api import Answer
from tests.support.authenticator import app_of
from tests.support.browsers import VERIFIER, request_pairs
from tests.support.pages import Form, Page
from tests.support.passkeys import Authenticator as Passkeys
from tests.support.stores import TEMPLATE

# By the parameters of the stack (`stack.PARAMETERS`).
PASSKEY_ORIGIN = "https://login.example"
# Of the client web-app of the demo data.
WEB_APP_CALLBACK = "http://127.0.0.1:8000/callback"


def an_unknown_client(w: World) -> Call:
    return w.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=(new_name(), "x"))


def password_login(w: World) -> Call:
    person = w.somebody()
    return w.by_web("/oauth/token", **person.by_password)


def password_login_among_many(w: World) -> Call:
    """The account has as many sessions as it may: they are counted, and the oldest ends."""
    person = w.somebody()
    w.crowd(person.id)
    return w.by_web("/oauth/token", **person.by_password)


def login_under_an_old_hash(w: World) -> Call:
    """An account that has no digests gets them at its next login, as one that moved in gets a hash of ours."""
    person = w.somebody()
    key = {"id": {"N": str(person.id)}}
    w.stack.client("dynamodb").update_item(TableName=w.table("UsersTable"), Key=key, UpdateExpression="REMOVE digests")
    return w.by_web("/oauth/token", **person.by_password)


def wrong_password(w: World) -> Call:
    person = w.somebody()
    return w.by_web("/oauth/token", **{**person.by_password, "password": "not the password"})


def extension_sign_of_a_newcomer(w: World) -> Call:
    return w.by_standard("sign", sign=secrets.token_hex(12))


def extension_code(w: World) -> Call:
    number = new_number()
    code = w.service.code_for(number, w.service.client("standard-client"))
    return w.by_standard("mobile-code", mobile=number, code=code)


def token_check(w: World) -> Call:
    return w.post("/user/checkOauthToken", json_body={"accessToken": w.somebody().token})


def temporary_token(w: World) -> Call:
    return w.post("/oauth/getTempToken", json_body={"accessToken": w.somebody().token})


def user_of_a_token(w: World) -> Call:
    return w.post("/user/getUserByToken", json_body={"accessToken": w.somebody().token})


def refresh(w: World) -> Call:
    token = w.somebody().log_in()["refresh_token"]
    return w.by_web("/oauth/token", grant_type="refresh_token", refresh_token=token)


def code_by_an_unknown_client(w: World) -> Call:
    return w.post("/mobile/code/get", form={"mobile": new_number()}, basic=(new_name(), "x"))


def send_code(w: World) -> Call:
    return w.by_web("/mobile/code/get", mobile=new_number())


def verify_code(w: World) -> Call:
    return w.post("/mobile/code/verify", form={"mobile": new_number(), "code": "123456"})


def code_login_of_a_newcomer(w: World) -> Call:
    number = new_number()
    return w.by_web("/mobile/token", mobile=number, code=w.service.code_for(number))


def code_login(w: World) -> Call:
    number = w.somebody(number=True).number
    assert number is not None
    return w.by_web("/mobile/token", mobile=number, code=w.service.code_for(number))


def code_login_among_many(w: World) -> Call:
    person = w.somebody(number=True)
    assert person.number is not None
    w.crowd(person.id)
    return w.by_web("/mobile/token", mobile=person.number, code=w.service.code_for(person.number))


def sign_by_an_unknown_client(w: World) -> Call:
    return w.post("/sign/token", form={"sign": "o"}, basic=(new_name(), "x"))


def sign_login_of_a_newcomer(w: World) -> Call:
    return w.by_web("/sign/token", sign=secrets.token_hex(12))


def sign_login(w: World) -> Call:
    sign = secrets.token_hex(12)
    assert w.by_web("/sign/token", sign=sign)().status == 200
    return w.by_web("/sign/token", sign=sign)


def sign_login_among_many(w: World) -> Call:
    sign = secrets.token_hex(12)
    answer = w.by_web("/sign/token", sign=sign)()
    presented = sessions.parse(answer.json["access_token"])
    assert presented is not None
    w.crowd(presented.key.owner)
    return w.by_web("/sign/token", sign=sign)


def _machine_token(w: World) -> str:
    form = {"grant_type": "client_credentials", "scope": "lingpai:admin"}
    answer = w.post("/oauth/token", form=form, basic=w.machine())()
    token: str = answer.json["access_token"]
    return token


def push_an_authorization_request(w: World) -> Call:
    return w.post(
        "/oauth/par", form=dict(request_pairs(redirect_uri=WEB_APP_CALLBACK)), basic=w.service.client("web-app")
    )


def redeem_an_authorization_code(w: World) -> Call:
    """The code of a browser that logged in."""
    form = {"grant_type": "authorization_code", "redirect_uri": WEB_APP_CALLBACK, "code_verifier": VERIFIER}
    code = w.authorization_code("web-app", WEB_APP_CALLBACK, w.somebody().id)
    return w.post("/oauth/token", form={**form, "code": code}, basic=w.service.client("web-app"))


def passport_login(w: World) -> Call:
    return w.post("/oauth/token", form={**w.service.by_body("2"), **w.somebody().by_password})


def extension_sign_again(w: World) -> Call:
    sign = secrets.token_hex(12)
    assert w.by_standard("sign", sign=sign)().status == 200
    return w.by_standard("sign", sign=sign)


def signed_code_login(w: World) -> Call:
    number = w.somebody(number=True).number
    assert number is not None
    client = w.signed()
    return w.post("/mobile/token", form={"mobile": number, "code": w.service.code_for(number, client)}, basic=client)


def signed_sign_login(w: World) -> Call:
    return w.post("/sign/token", form={"sign": secrets.token_hex(12)}, basic=w.signed())


def code_login_with_claims(w: World) -> Call:
    number = w.somebody(number=True).number
    assert number is not None
    client = w.telling()
    return w.post("/mobile/token", form={"mobile": number, "code": w.service.code_for(number, client)}, basic=client)


def sign_login_with_claims(w: World) -> Call:
    return w.post("/sign/token", form={"sign": secrets.token_hex(12)}, basic=w.telling())


def current_user_by_a_signed_token(w: World) -> Call:
    return w.post("/users/current", bearer=passport_login(w)().json["access_token"])


def list_roles_by_a_signed_token(w: World) -> Call:
    username, password = w.service.target.admin
    form = {**w.service.by_body("2"), "grant_type": "password", "username": username, "password": password}
    token = w.post("/oauth/token", form=form)().json["access_token"]
    return w.post("/roles/list", json_body={}, bearer=token)


def maintain_keys(w: World) -> Call:
    return _by_schedule(w)


def rotate_keys(w: World) -> Call:
    return _by_schedule(w, "ES256")


def take_away_a_private_half(w: World) -> Call:
    w.put_old_key(-1, days=10)
    w.put_old_key(0, days=9)
    return _by_schedule(w)


def _by_schedule(w: World, *rotate: str) -> Call:
    """The call of the function that has no route. An error, by which the schedule knows to call again, is a 500."""

    def call() -> Answer:
        name = w.table("KeysFunction")
        payload = json.dumps({"rotate": rotate}).encode()
        answer = w.stack.client("lambda").invoke(FunctionName=name, Qualifier=ALIAS, Payload=payload)
        return Answer(500 if "FunctionError" in answer else 200, {}, answer["Payload"].read().decode())

    return call


def deliver_to_a_webhook_that_is_gone(w: World) -> Call:
    """Its list is read, and there is nothing to do."""
    return _delivery(w, EventMessage("no-such-webhook", {"id": new_name()}))


def deliver_to_who_answers_gone(w: World) -> Call:
    """The webhook is disabled."""
    _call_this_machine(w)
    name = new_name()
    wrapped = w.stack.client("kms").encrypt(
        KeyId=w.table("KeysKey"),
        Plaintext=bytes(32),
        EncryptionContext={"purpose": "lingpai webhook secret", "webhook": name},
    )["CiphertextBlob"]
    item = {
        "id": {"S": name},
        "url": {"S": _receiver(410)},
        "types": {"L": [{"S": "*"}]},
        "secret": {"B": wrapped},
        "created_at": {"N": "1"},
    }
    w.stack.client("dynamodb").put_item(TableName=w.table("WebhooksTable"), Item=item)
    return _delivery(w, EventMessage(name, {"id": new_name()}))


def tell_an_unknown_client_of_a_logout(w: World) -> Call:
    return _delivery(w, LogoutMessage(new_name(), new_name(), 1, "sid"))


def tell_a_client_of_a_logout(w: World) -> Call:
    """By a token that is signed."""
    _call_this_machine(w)
    client_id, _ = w.copy("standard-client", backchannel_logout_uri={"S": _receiver(200)})
    return _delivery(w, LogoutMessage(new_name(), client_id, 1, "sid"))


def _call_this_machine(w: World) -> None:
    """Let the function call receivers here, unless it does already."""
    client, name = w.stack.client("lambda"), w.table("WebhooksFunction")
    known = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    if known.get("WEBHOOK_LOOPBACK") != "1":
        renew(w.stack, "WebhooksFunction", {"WEBHOOK_LOOPBACK": "1"})


@functools.cache
def _receiver(status: int) -> str:
    """The address of a receiver that answers with this status, as long as the process lives."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def _delivery(w: World, message: Message) -> Call:
    """The call of the function that a queue calls. A message that is to come again is a 503."""

    def call() -> Answer:
        record = {
            "messageId": "m",
            "receiptHandle": "r",
            "body": messages.write(message),
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        payload = json.dumps({"Records": [record]}).encode()
        answer = w.stack.client("lambda").invoke(
            FunctionName=w.table("WebhooksFunction"), Qualifier=ALIAS, Payload=payload
        )
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            return Answer(500, {}, said)
        return Answer(503 if json.loads(said)["batchItemFailures"] else 200, {}, said)

    return call


def delete_a_closed_account(w: World) -> Call:
    """An account with a second factor that was due a while ago."""
    visitor, person = _at_the_pages(w)
    assert _adding_a_passkey(visitor, Passkeys(PASSKEY_ORIGIN))().status == 303
    table, name = w.table("UsersTable"), w.table("DeletionsFunction")
    w.stack.client("dynamodb").update_item(
        TableName=table,
        Key={"id": {"N": str(person.id)}},
        UpdateExpression="SET closing = :yes, closes_at = :at",
        ExpressionAttributeValues={":yes": {"S": "yes"}, ":at": {"N": "1"}},
    )

    def call() -> Answer:
        answer = w.stack.client("lambda").invoke(FunctionName=name, Qualifier=ALIAS, Payload=b"{}")
        return Answer(500 if "FunctionError" in answer else 200, {}, answer["Payload"].read().decode())

    return call


def keep_an_event(w: World) -> Call:
    return _events(w, new_number_of_account())


def count_an_event(w: World) -> Call:
    """A new account, which the console's figures have."""
    account = new_number_of_account()
    gone = {"id": {"N": account}, "deleted": {"BOOL": True}}
    return _events(w, account, before=gone, after={"id": {"N": account}, "created_at": {"N": "1"}})


def end_a_session_of_a_client(w: World) -> Call:
    """Its record says whether it is told."""
    owner, key = new_number_of_account(), b64encode(secrets.token_bytes(8)).decode()
    before = {"owner": {"N": owner}, "id": {"B": key}, "client_id": {"S": new_name()}}
    after = {"owner": {"N": owner}, "id": {"B": key}, "deleted": {"BOOL": True}}
    return _events(w, owner, "SessionsTable", before, after)


def end_a_browser_session(w: World) -> Call:
    """The sessions that are left of its account say who is told."""
    owner, key = new_number_of_account(), b64encode(secrets.token_bytes(8)).decode()
    before = {"owner": {"N": owner}, "id": {"B": key}, "browser_hash": {"B": key}}
    after = {"owner": {"N": owner}, "id": {"B": key}, "deleted": {"BOOL": True}}
    return _events(w, owner, "SessionsTable", before, after)


def tell_a_webhook_of_an_event(w: World) -> Call:
    """One more that wants all events. It is told of them in vain."""
    item = {
        "id": {"S": new_name()},
        "url": {"S": "https://receiver.invalid/"},
        "types": {"L": [{"S": "user.disabled"}]},
        "secret": {"B": bytes(32)},
        "created_at": {"N": "1"},
    }
    w.stack.client("dynamodb").put_item(TableName=w.table("WebhooksTable"), Item=item)
    renew(w.stack, "EventsFunction", {})
    return keep_an_event(w)


def set_an_unreadable_record_aside(w: World) -> Call:
    return _events(w, "unread", after={"id": {"N": "1"}, "email": {"S": "{"}})


def new_number_of_account() -> str:
    """An id that no account has."""
    return str(secrets.randbelow(2**40))


def _events(
    w: World,
    account: str,
    table: str = "UsersTable",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Call:
    """The call of the function that streams call. A record that is to come again, or is set aside, is a 503."""
    old = before or {"id": {"N": account}, "created_at": {"N": "1"}}
    new = after or {**old, "disabled": {"BOOL": True}}
    stream = {
        "ApproximateCreationDateTime": int(time.time()),
        "SequenceNumber": str(secrets.randbelow(10**20)),
        "OldImage": {"id": {"N": "1"}} if account == "unread" else old,
        "NewImage": new,
    }
    record = {"eventName": "MODIFY", "eventSourceARN": streams(w.stack)[f"{table}.StreamArn"], "dynamodb": stream}

    def call() -> Answer:
        answer = w.stack.client("lambda").invoke(
            FunctionName=w.table("EventsFunction"), Qualifier=ALIAS, Payload=json.dumps({"Records": [record]}).encode()
        )
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            return Answer(500, {}, said)
        again = json.loads(said)["batchItemFailures"] or (account != "unread" and _is_aside(w, account))
        return Answer(503 if again else 200, {}, said)

    return call


def _is_aside(w: World, account: str) -> bool:
    """Whether an event of this account is in the queue of failed events, which is empty then."""
    sqs, url, found = w.stack.client("sqs"), w.table("EventsFailedQueue"), False
    while messages_there := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for waiting in messages_there:
            found = found or f'"user:{account}"' in waiting["Body"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=waiting["ReceiptHandle"])
    return found


def find_by_a_machine(w: World) -> Call:
    return w.post("/users/find", json_body={"username": new_name()}, bearer=_machine_token(w))


def current_user(w: World) -> Call:
    return w.post("/users/current", bearer=w.somebody().token)


def current_user_by_a_temporary_token(w: World) -> Call:
    return w.post("/users/current", bearer=temporary_token(w)().json["result"])


def find_by_name(w: World) -> Call:
    return w.by_admin("/users/find", username=w.somebody().username)


def list_users(w: World) -> Call:
    return w.by_admin("/users/list")


def register(w: World) -> Call:
    return w.post("/users/register", json_body={"username": new_name(), "password": new_password()})


def give_roles(w: World) -> Call:
    return w.by_admin("/users/role/update", id=w.somebody().id, roleList=[{"id": 2}])


def rename(w: World) -> Call:
    person = w.somebody()
    return w.by_admin("/users/save", id=person.id, username=new_name(), password=person.password)


def unlink_what_is_not_linked(w: World) -> Call:
    """It looks whether this was unlinked lately."""
    return w.post("/users/identities/unlink", json_body={"provider": "trusted"}, bearer=w.somebody().token)


def change_password(w: World) -> Call:
    """With another session, which ends in the transaction."""
    person = w.somebody()
    token, _ = person.token, person.token
    body = {"userId": person.id, "oldPassword": person.password, "newPassword": new_password()}
    return w.post("/users/pwd/update", json_body=body, bearer=token)


def reset_a_password(w: World) -> Call:
    number = w.somebody(number=True).number
    assert number is not None
    code = w.service.code_for(number, purpose="reset")
    return w.by_web("/users/pwd/reset", mobile=number, code=code, newPassword=new_password())


def delete_user_with_a_factor(w: World) -> Call:
    person = w.somebody()
    item = {"user_id": {"N": str(person.id)}, "id": {"S": "totp"}}
    w.stack.client("dynamodb").put_item(TableName=w.table("FactorsTable"), Item=item)
    return w.by_admin("/users/delete", id=person.id)


def delete_user(w: World) -> Call:
    """With sessions enough for a batch."""
    person = w.somebody()
    _ = [person.token for _ in range(2)]
    return w.by_admin("/users/delete", id=person.id)


def delete_a_user_with_too_many_sessions(w: World) -> Call:
    """They are more than a request deletes: the deployment's record lists the account."""
    person = w.somebody()
    w.crowd(person.id, DELETED_AT_ONCE)
    return w.by_admin("/users/delete", id=person.id)


def prove_a_number(w: World) -> Call:
    person, number = w.somebody(), new_number()
    body = {"id": person.id, "phone": number, "code": w.service.code_for(number)}
    return w.post("/users/update", json_body=body, bearer=person.token)


def prove_the_same_number_again(w: World) -> Call:
    """The account does not change, so that it is only checked in the transaction that uses up the code."""
    person = w.somebody(number=True)
    assert person.number is not None
    body = {"id": person.id, "phone": person.number, "code": w.service.code_for(person.number)}
    return w.post("/users/update", json_body=body, bearer=person.token)


def list_roles(w: World) -> Call:
    return w.by_admin("/roles/list")


def list_roles_by_a_machine(w: World) -> Call:
    return w.post("/roles/list", json_body={}, bearer=_machine_token(w))


def list_roles_by_a_temporary_token(w: World) -> Call:
    answer = w.post("/oauth/getTempToken", json_body={"accessToken": w.admin})()
    return w.post("/roles/list", json_body={}, bearer=answer.json["result"])


def save_role(w: World) -> Call:
    return w.by_admin("/roles/save", roleName=new_name())


def save_a_role_that_is_there(w: World) -> Call:
    """It looks whether this was lately asked for, and not answered."""
    return w.by_admin("/roles/save", roleName="user")


# --- the pages -----------------------------------------------------------------------------------------------------


def _at_the_pages(w: World, *, number: bool = False) -> tuple[Visitor, Person]:
    """Somebody who is logged in."""
    visitor, person = Visitor(w.service), w.somebody(number=number)
    assert visitor.log_in(person).location == "/account"
    return visitor, person


def _sent(visitor: Visitor, target: str, known: dict[str, str], **filled: str) -> Call:
    """A form of the page at `target`, to be sent later."""
    form = visitor.get(target).form(**known)
    return lambda: visitor.send(form, **filled).answer


def page_login(w: World) -> Call:
    person = w.somebody()
    filled = {"username": person.username, "password": person.password}
    return _sent(Visitor(w.service), "/login?way=password", {"action": "password"}, **filled)


def page_login_among_many(w: World) -> Call:
    person = w.somebody()
    w.crowd(person.id)
    filled = {"username": person.username, "password": person.password}
    return _sent(Visitor(w.service), "/login?way=password", {"action": "password"}, **filled)


def page_login_wrong(w: World) -> Call:
    person = w.somebody()
    filled = {"username": person.username, "password": "not the password"}
    return _sent(Visitor(w.service), "/login?way=password", {"action": "password"}, **filled)


def page_code(w: World) -> Call:
    return _sent(Visitor(w.service), "/login", {"action": "send"}, mobile=new_number())


def page_code_login(w: World, number: str | None = None) -> Call:
    number = number or new_number()
    visitor = Visitor(w.service)
    page = visitor.send(visitor.get("/login").form(action="send"), mobile=number)
    form, code = page.form(action="code"), w.service.read_code(f"+86{number}")
    return lambda: visitor.send(form, code=code).answer


def page_code_login_again(w: World) -> Call:
    return page_code_login(w, w.somebody(number=True).number)


def page_register(w: World) -> Call:
    return _sent(Visitor(w.service), "/register", {}, username=new_name(), password=new_password())


def page_account(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    return lambda: visitor.get("/account").answer


def page_account_after_a_while(w: World) -> Call:
    """Its last use is told: it is made to be a while ago."""
    visitor, person = _at_the_pages(w)
    dynamodb, table = w.stack.client("dynamodb"), w.table("SessionsTable")
    key = {":owner": {"N": str(person.id)}}
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="#owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues=key,
    )
    for item in found["Items"]:
        dynamodb.update_item(
            TableName=table,
            Key={"owner": item["owner"], "id": item["id"]},
            UpdateExpression="SET used_at = :then",
            ExpressionAttributeValues={":then": {"N": "1"}},
        )
    return lambda: visitor.get("/account").answer


def page_password(w: World) -> Call:
    visitor, person = _at_the_pages(w)
    filled = {"oldPassword": person.password, "newPassword": new_password()}
    return _sent(visitor, "/account?edit=password", {"action": "password"}, **filled)


def page_phone(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    number = new_number()
    page = visitor.send(visitor.get("/account?edit=phone").form(action="phone-send"), mobile=number)
    form, code = page.form(action="phone"), w.service.read_code(f"+86{number}")
    return lambda: visitor.send(form, code=code).answer


def page_same_phone(w: World) -> Call:
    """The account does not change, so that it is only checked in the transaction that uses up the code."""
    visitor, person = _at_the_pages(w, number=True)
    assert person.number is not None
    page = visitor.send(visitor.get("/account?edit=phone").form(action="phone-send"), mobile=person.number)
    form, code = page.form(action="phone"), w.service.read_code(f"+86{person.number}")
    return lambda: visitor.send(form, code=code).answer


def page_new_phone(w: World) -> Call:
    """The name of the old number goes."""
    visitor, _ = _at_the_pages(w, number=True)
    number = new_number()
    page = visitor.send(visitor.get("/account?edit=phone").form(action="phone-send"), mobile=number)
    form, code = page.form(action="phone"), w.service.read_code(f"+86{number}")
    return lambda: visitor.send(form, code=code).answer


def page_reset(w: World) -> Call:
    number = w.somebody(number=True).number
    assert number is not None
    visitor = Visitor(w.service)
    page = visitor.send(visitor.get("/reset").form(action="send"), mobile=number)
    form, code = page.form(action="set"), w.service.read_code(f"+86{number}")
    return lambda: visitor.send(form, code=code, newPassword=new_password()).answer


def page_end_others(w: World) -> Call:
    visitor, person = _at_the_pages(w)
    w.crowd(person.id, 2)
    return _sent(visitor, "/account", {"action": "end-others"})


def page_end_too_many(w: World) -> Call:
    """There are more sessions than a request deletes: the deployment's record lists the account."""
    visitor, person = _at_the_pages(w)
    form = visitor.get("/account").form(action="end")
    w.crowd(person.id, DELETED_AT_ONCE + 1)
    return lambda: visitor.send(Form(form.action, {**form.fields, "action": "end-others"})).answer


def page_download(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    return lambda: visitor.get("/account?download=json").answer


def page_begin_app(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    return _sent(visitor, "/account?edit=totp", {"action": "totp-begin"})


def page_confirm_app(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    return _confirming(visitor)


def _confirming(visitor: Visitor) -> Call:
    """The first code of an authenticator app, to be sent later."""
    page = visitor.send(visitor.get("/account?edit=totp").form(action="totp-begin"))
    form, app = page.form(action="totp-confirm"), app_of(page)
    return lambda: visitor.send(form, code=app.code(time.time())).answer


def page_remove_app(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    assert _confirming(visitor)().status == 200
    return _sent(visitor, "/account", {"action": "totp-remove"})


def page_add_passkey(w: World) -> Call:
    return _adding_a_passkey(_at_the_pages(w)[0], Passkeys(PASSKEY_ORIGIN))


def page_login_by_passkey(w: World) -> Call:
    visitor, phone = Visitor(w.service), Passkeys(PASSKEY_ORIGIN)
    assert _adding_a_passkey(_at_the_pages(w)[0], phone)().status == 303
    form = visitor.get("/login").form(action="passkey")
    options = _asked(visitor, form)
    return lambda: visitor.send(form, answer=phone.get(options)).answer


def _adding_a_passkey(visitor: Visitor, phone: Passkeys) -> Call:
    """A new passkey, to be sent later."""
    form = visitor.get("/account?edit=passkey").form(action="add-passkey")
    answer = phone.create(_asked(visitor, form))
    return lambda: visitor.send(form, answer=answer).answer


def _asked(visitor: Visitor, form: Form) -> Any:
    """What the script of a page is told."""
    return visitor.send(Form("/passkeys/options", form.fields)).answer.json


def page_delete(w: World) -> Call:
    visitor, _ = _at_the_pages(w)
    return _sent(visitor, "/account?edit=delete", {"action": "delete"}, confirm="yes")


def page_delete_an_admin(w: World) -> Call:
    """Another admin is looked for, and checked."""
    person = w.somebody()
    body = {"id": person.id, "roleList": [{"id": 1}]}
    assert w.service.post("/users/role/update", json_body=body, bearer=w.admin).status == 200
    visitor = Visitor(w.service)
    visitor.log_in(person)
    return _sent(visitor, "/account?edit=delete", {"action": "delete"}, confirm="yes")


def page_unlink_what_is_not_linked(w: World) -> Call:
    """It looks whether this was lately asked for, and not answered."""
    visitor, _ = _at_the_pages(w)
    form = visitor.get("/account").form(action="end")
    return lambda: visitor.send(Form(form.action, {**form.fields, "action": "unlink", "provider": "wechat"})).answer


def page_logout_with_a_hint(w: World) -> Call:
    """It looks for the key that an ID token would be signed by."""
    visitor, _ = _at_the_pages(w)
    hint = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngiLCJ0eXAiOiJKV1QifQ.e30.AAAA"
    return lambda: visitor.get(f"/oauth/logout?id_token_hint={hint}").answer


def page_authorize(w: World) -> Call:
    """A code is put for a client that may have one."""
    callback = {"L": [{"S": "https://app.example/callback"}]}
    client_id, _ = w.copy(
        "standard-client",
        redirect_uris=callback,
        first_party={"BOOL": True},
        grants={"L": [{"S": "authorization_code"}]},
    )
    visitor, _ = _at_the_pages(w)
    query = urlencode(request_pairs(client_id=client_id, scope=None))
    return lambda: visitor.get(f"/oauth/authorize?{query}").answer


# --- the console ----------------------------------------------------------------------------------------------------


def _follow(visitor: Visitor, target: str) -> Answer:
    """The page at `target`, or what it leads to."""
    page = visitor.get(target)
    for _ in range(5):
        if not page.location:
            break
        parts = urlsplit(page.location)
        page = visitor.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return page.answer


def _admin(w: World) -> Visitor:
    """An admin who is logged in at the pages."""
    return _admin_and_who(w)[0]


def _admin_and_who(w: World) -> tuple[Visitor, Person]:
    visitor, person = _at_the_pages(w)
    body = {"id": person.id, "roleList": [{"id": 1}]}
    assert w.service.post("/users/role/update", json_body=body, bearer=w.admin).status == 200
    return visitor, person


def _at_the_console(w: World) -> Visitor:
    """An admin at the console."""
    visitor = _admin(w)
    assert _follow(visitor, "/console").status == 200
    return visitor


def _console_page(w: World, target: str) -> Call:
    visitor = _at_the_console(w)
    return lambda: visitor.get(target).answer


def _form_of(page: Page, path: str) -> Form:
    """The form that is sent to this path."""
    return next(form for form in page.forms if urlsplit(form.action).path == path)


def _console_change(w: World, what: str, **asked: object) -> Call:
    """A change that is asked about, to be made later."""
    visitor = _at_the_console(w)
    page = visitor.get(f"/console/{what}?{urlencode(asked)}")
    form = _form_of(page, f"/console/{what}")
    return lambda: visitor.send(form, confirm="yes").answer


def console_login(w: World) -> Call:
    visitor = _admin(w)
    return lambda: _follow(visitor, "/console")


def console_login_among_many(w: World) -> Call:
    visitor, person = _admin_and_who(w)
    w.crowd(person.id)
    return lambda: _follow(visitor, "/console")


def console_overview(w: World) -> Call:
    return _console_page(w, "/console")


def console_user(w: World) -> Call:
    return _console_page(w, f"/console/user?id={w.somebody().id}")


def console_users(w: World) -> Call:
    return _console_page(w, "/console/users")


def console_search(w: World) -> Call:
    person, visitor = w.somebody(), _at_the_console(w)
    form = next(form for form in visitor.get("/console/users").forms if "q" in form.fields)
    return lambda: visitor.send(form, q=person.username).answer


def console_disable(w: World) -> Call:
    return _console_change(w, "user/change", id=w.somebody().id, action="disable")


def console_grant(w: World) -> Call:
    return _console_change(w, "user/change", id=w.somebody().id, action="grant_role", role=2)


def console_end_all(w: World) -> Call:
    person = w.somebody()
    for _ in range(2):
        Visitor(w.service).log_in(person)
    return _console_change(w, "user/change", id=person.id, action="end_all")


def console_delete(w: World) -> Call:
    return _console_change(w, "user/change", id=w.somebody().id, action="delete")


def console_remove_factors(w: World) -> Call:
    person = w.somebody()
    item = {"user_id": {"N": str(person.id)}, "id": {"S": "totp"}}
    w.stack.client("dynamodb").put_item(TableName=w.table("FactorsTable"), Item=item)
    return _console_change(w, "user/change", id=person.id, action="remove_factors")


def console_consent_of_an_unknown_client(w: World) -> Call:
    """Its name is looked for."""
    return _console_page(w, f"/console/user/change?id={w.somebody().id}&action=revoke_consent&client={new_name()}")


def console_client(w: World) -> Call:
    return _console_page(w, "/console/client?id=web-client")


def console_clients(w: World) -> Call:
    return _console_page(w, "/console/clients")


def console_create_client(w: World) -> Call:
    visitor = _at_the_console(w)
    form = _form_of(visitor.get("/console/client/edit"), "/console/client/edit")
    filled = {"client_id": new_name(), "dialect": "django", "grant_types.password": "yes"}
    return lambda: visitor.send(Form(form.action, {**filled, "csrf": form.fields["csrf"]})).answer


def console_disable_client(w: World) -> Call:
    client_id, _ = w.copy("standard-client")
    return _console_change(w, "client/change", id=client_id, action="disable")


def console_create_role(w: World) -> Call:
    visitor = _at_the_console(w)
    page = visitor.get("/console/role/change?action=create")
    form = _form_of(page, "/console/role/change")
    return lambda: visitor.send(form, name=new_name()).answer


def console_keys(w: World) -> Call:
    return _console_page(w, "/console/keys")


def console_rotate_a_key(w: World) -> Call:
    """No next key waits yet."""
    dynamodb, table = w.stack.client("dynamodb"), w.table("KeysTable")
    for key in dynamodb.scan(TableName=table)["Items"]:
        if "signs_from" in key and int(key["signs_from"]["N"]) > time.time():
            dynamodb.delete_item(TableName=table, Key={name: key[name] for name in ("algorithm", "number")})
    return _console_change(w, "keys/rotate", algorithm="ES256")


def console_sms(w: World) -> Call:
    return _console_page(w, "/console/sms")


def console_lift(w: World) -> Call:
    """A prefix of no country's mobile numbers, which has used up its messages."""
    day = int(time.time()) // 86400 * 86400
    item = {"key": {"S": f"sms:prefix:+861990:86400:{day}"}, "n:sent": {"N": "100"}, "n:unproven": {"N": "100"}}
    w.stack.client("dynamodb").put_item(TableName=w.table("CountersTable"), Item=item)
    return _console_change(w, "sms/lift", prefix="+861990")


def console_audit(w: World) -> Call:
    return _console_page(w, "/console/audit?by=subject&value=user:1")


def console_audit_by_actor(w: World) -> Call:
    return _console_page(w, "/console/audit?by=actor&value=user:1")


def console_audit_by_day(w: World) -> Call:
    return _console_page(w, "/console/audit")


def console_health_of(table: str, action: str) -> Callable[[World], Call]:
    """The page of the deployment's health, which is shown without a permission, too: its finding is a 503."""

    def prepare(w: World) -> Call:
        visitor, denied = _at_the_console(w), f"the caller lacks {action} on {w.table(table)}: "

        def call() -> Answer:
            answer = visitor.get("/console/health?lang=en").answer
            return Answer(503, {}, answer.body) if denied in answer.body else answer

        return call

    return prepare


# --- the table ------------------------------------------------------------------------------------------------------

NEEDED: dict[Line, Callable[[World], Call]] = {
    ("TokenFunction", "ClientsTable", BATCH_GET): an_unknown_client,
    ("TokenFunction", "IdentitiesTable", GET): extension_sign_of_a_newcomer,
    ("TokenFunction", "IdentitiesTable", BATCH_GET): password_login,
    ("TokenFunction", "IdentitiesTable", PUT): extension_sign_of_a_newcomer,
    ("TokenFunction", "IdentitiesTable", UPDATE): password_login,
    ("TokenFunction", "IdentitiesTable", CHECK): extension_sign_again,
    ("TokenFunction", "CountersTable", BATCH_GET): password_login,
    ("TokenFunction", "CountersTable", UPDATE): wrong_password,
    ("TokenFunction", "CountersTable", CHECK): password_login,
    ("TokenFunction", "UsersTable", GET): password_login,
    ("TokenFunction", "UsersTable", BATCH_GET): user_of_a_token,
    ("TokenFunction", "UsersTable", PUT): extension_sign_of_a_newcomer,
    ("TokenFunction", "UsersTable", UPDATE): login_under_an_old_hash,
    ("TokenFunction", "RolesTable", BATCH_GET): user_of_a_token,
    ("TokenFunction", "SessionsTable", GET): token_check,
    ("TokenFunction", "SessionsTable", QUERY): password_login_among_many,
    ("TokenFunction", "SessionsTable", PUT): password_login,
    ("TokenFunction", "SessionsTable", DELETE): password_login_among_many,
    ("TokenFunction", "SessionsTable", UPDATE): refresh,
    ("TokenFunction", "SessionsTable", CHECK): redeem_an_authorization_code,
    ("TokenFunction", "CodesTable", GET): redeem_an_authorization_code,
    ("TokenFunction", "CodesTable", PUT): push_an_authorization_request,
    ("TokenFunction", "CodesTable", UPDATE): extension_code,
    ("TokenFunction", "CodePepper", SECRET): extension_code,
    ("TokenFunction", "KeysTable", SCAN): passport_login,
    ("TokenFunction", "KeysKey", DECRYPT): passport_login,
    ("MobileFunction", "ClientsTable", BATCH_GET): code_by_an_unknown_client,
    ("MobileFunction", "CodesTable", GET): send_code,
    ("MobileFunction", "CodesTable", UPDATE): verify_code,
    ("MobileFunction", "CountersTable", UPDATE): send_code,
    ("MobileFunction", "CountersTable", BATCH_GET): code_login,
    ("MobileFunction", "IdentitiesTable", BATCH_GET): code_login,
    ("MobileFunction", "IdentitiesTable", PUT): code_login_of_a_newcomer,
    ("MobileFunction", "IdentitiesTable", CHECK): code_login,
    ("MobileFunction", "UsersTable", PUT): code_login_of_a_newcomer,
    ("MobileFunction", "UsersTable", UPDATE): code_login,
    ("MobileFunction", "SessionsTable", QUERY): code_login_among_many,
    ("MobileFunction", "UsersTable", BATCH_GET): code_login_with_claims,
    ("MobileFunction", "RolesTable", BATCH_GET): code_login_with_claims,
    ("MobileFunction", "SessionsTable", PUT): code_login,
    ("MobileFunction", "SessionsTable", DELETE): code_login_among_many,
    ("MobileFunction", "CodePepper", SECRET): send_code,
    ("MobileFunction", "KeysTable", SCAN): signed_code_login,
    ("MobileFunction", "KeysKey", DECRYPT): signed_code_login,
    ("SignFunction", "ClientsTable", BATCH_GET): sign_by_an_unknown_client,
    ("SignFunction", "IdentitiesTable", GET): sign_login,
    ("SignFunction", "IdentitiesTable", PUT): sign_login_of_a_newcomer,
    ("SignFunction", "IdentitiesTable", CHECK): sign_login,
    ("SignFunction", "UsersTable", PUT): sign_login_of_a_newcomer,
    ("SignFunction", "UsersTable", UPDATE): sign_login,
    ("SignFunction", "SessionsTable", QUERY): sign_login_among_many,
    ("SignFunction", "UsersTable", BATCH_GET): sign_login_with_claims,
    ("SignFunction", "RolesTable", BATCH_GET): sign_login_with_claims,
    ("SignFunction", "SessionsTable", PUT): sign_login,
    ("SignFunction", "SessionsTable", DELETE): sign_login_among_many,
    ("SignFunction", "KeysTable", SCAN): signed_sign_login,
    ("SignFunction", "KeysKey", DECRYPT): signed_sign_login,
    ("UsersFunction", "ClientsTable", BATCH_GET): find_by_a_machine,
    ("UsersFunction", "ClientsTable", UPDATE): delete_a_user_with_too_many_sessions,
    ("UsersFunction", "SessionsTable", GET): current_user,
    ("UsersFunction", "SessionsTable", QUERY): change_password,
    ("UsersFunction", "SessionsTable", PUT): change_password,
    ("UsersFunction", "SessionsTable", BATCH_WRITE): delete_user,
    ("UsersFunction", "UsersTable", GET): give_roles,
    ("UsersFunction", "UsersTable", BATCH_GET): current_user,
    ("UsersFunction", "UsersTable", SCAN): list_users,
    ("UsersFunction", "UsersTable", PUT): register,
    ("UsersFunction", "UsersTable", UPDATE): give_roles,
    ("UsersFunction", "UsersTable", CHECK): prove_the_same_number_again,
    ("UsersFunction", "IdentitiesTable", GET): find_by_name,
    ("UsersFunction", "IdentitiesTable", BATCH_GET): reset_a_password,
    ("UsersFunction", "IdentitiesTable", CHECK): reset_a_password,
    ("UsersFunction", "IdentitiesTable", PUT): register,
    ("UsersFunction", "IdentitiesTable", DELETE): rename,
    ("UsersFunction", "RolesTable", BATCH_GET): current_user,
    ("UsersFunction", "FactorsTable", QUERY): delete_user,
    ("UsersFunction", "FactorsTable", DELETE): delete_user_with_a_factor,
    ("UsersFunction", "CodesTable", UPDATE): prove_a_number,
    ("UsersFunction", "CountersTable", GET): unlink_what_is_not_linked,
    ("UsersFunction", "CountersTable", BATCH_GET): reset_a_password,
    ("UsersFunction", "CountersTable", UPDATE): register,
    ("UsersFunction", "CodePepper", SECRET): current_user_by_a_temporary_token,
    ("UsersFunction", "KeysTable", SCAN): current_user_by_a_signed_token,
    ("PagesFunction", "ClientsTable", BATCH_GET): page_authorize,
    ("PagesFunction", "ClientsTable", UPDATE): page_end_too_many,
    ("PagesFunction", "SessionsTable", GET): page_end_too_many,
    ("PagesFunction", "SessionsTable", BATCH_GET): page_account,
    ("PagesFunction", "SessionsTable", QUERY): page_password,
    ("PagesFunction", "SessionsTable", PUT): page_login,
    ("PagesFunction", "SessionsTable", DELETE): page_login_among_many,
    ("PagesFunction", "SessionsTable", UPDATE): page_account_after_a_while,
    ("PagesFunction", "SessionsTable", BATCH_WRITE): page_end_others,
    ("PagesFunction", "UsersTable", GET): page_login,
    ("PagesFunction", "UsersTable", BATCH_GET): page_account,
    ("PagesFunction", "UsersTable", SCAN): page_delete_an_admin,
    ("PagesFunction", "UsersTable", PUT): page_register,
    ("PagesFunction", "UsersTable", UPDATE): page_login,
    ("PagesFunction", "UsersTable", CHECK): page_same_phone,
    ("PagesFunction", "IdentitiesTable", BATCH_GET): page_login,
    ("PagesFunction", "IdentitiesTable", PUT): page_register,
    ("PagesFunction", "IdentitiesTable", UPDATE): page_login,
    ("PagesFunction", "IdentitiesTable", DELETE): page_new_phone,
    ("PagesFunction", "IdentitiesTable", CHECK): page_code_login_again,
    ("PagesFunction", "RolesTable", BATCH_GET): page_download,
    ("PagesFunction", "FactorsTable", GET): page_login_by_passkey,
    ("PagesFunction", "FactorsTable", QUERY): page_delete,
    ("PagesFunction", "FactorsTable", PUT): page_add_passkey,
    ("PagesFunction", "FactorsTable", UPDATE): page_begin_app,
    ("PagesFunction", "FactorsTable", DELETE): page_remove_app,
    ("PagesFunction", "CodesTable", GET): page_code,
    ("PagesFunction", "CodesTable", PUT): page_authorize,
    ("PagesFunction", "CodesTable", UPDATE): page_code,
    ("PagesFunction", "CodesTable", DELETE): page_login_by_passkey,
    ("PagesFunction", "CountersTable", GET): page_unlink_what_is_not_linked,
    ("PagesFunction", "CountersTable", BATCH_GET): page_login,
    ("PagesFunction", "CountersTable", UPDATE): page_login_wrong,
    ("PagesFunction", "CountersTable", CHECK): page_login,
    ("PagesFunction", "CodePepper", SECRET): page_code,
    ("PagesFunction", "KeysTable", SCAN): page_logout_with_a_hint,
    ("PagesFunction", "KeysKey", ENCRYPT): page_begin_app,
    ("PagesFunction", "KeysKey", DECRYPT): page_confirm_app,
    ("ConsoleFunction", "ClientsTable", GET): console_client,
    ("ConsoleFunction", "ClientsTable", BATCH_GET): console_consent_of_an_unknown_client,
    ("ConsoleFunction", "ClientsTable", SCAN): console_clients,
    ("ConsoleFunction", "ClientsTable", PUT): console_create_client,
    ("ConsoleFunction", "ClientsTable", UPDATE): console_disable_client,
    ("ConsoleFunction", "SessionsTable", GET): console_overview,
    ("ConsoleFunction", "SessionsTable", QUERY): console_user,
    ("ConsoleFunction", "SessionsTable", PUT): console_login,
    ("ConsoleFunction", "SessionsTable", DELETE): console_login_among_many,
    ("ConsoleFunction", "SessionsTable", CHECK): console_login,
    ("ConsoleFunction", "SessionsTable", BATCH_WRITE): console_end_all,
    ("ConsoleFunction", "UsersTable", GET): console_user,
    ("ConsoleFunction", "UsersTable", BATCH_GET): console_overview,
    ("ConsoleFunction", "UsersTable", UPDATE): console_grant,
    ("ConsoleFunction", "UsersTable", PUT): console_delete,
    ("ConsoleFunction", "UsersTable", CHECK): console_disable,
    ("ConsoleFunction", "IdentitiesTable", BATCH_GET): console_search,
    ("ConsoleFunction", "IdentitiesTable", DELETE): console_delete,
    ("ConsoleFunction", "RolesTable", BATCH_GET): console_overview,
    ("ConsoleFunction", "RolesTable", PUT): console_create_role,
    ("ConsoleFunction", "FactorsTable", QUERY): console_delete,
    ("ConsoleFunction", "FactorsTable", DELETE): console_remove_factors,
    ("ConsoleFunction", "CodesTable", GET): console_login,
    ("ConsoleFunction", "CodesTable", UPDATE): console_login,
    ("ConsoleFunction", "CountersTable", GET): console_sms,
    ("ConsoleFunction", "CountersTable", BATCH_GET): console_overview,
    ("ConsoleFunction", "CountersTable", UPDATE): console_lift,
    ("ConsoleFunction", "AuditTable", QUERY): console_audit,
    ("ConsoleFunction", "AuditTable/by_actor", QUERY): console_audit_by_actor,
    ("ConsoleFunction", "AuditTable/by_type", QUERY): console_users,
    ("ConsoleFunction", "AuditTable/by_day", QUERY): console_audit_by_day,
    ("ConsoleFunction", "KeysTable", SCAN): console_keys,
    ("ConsoleFunction", "KeysTable", PUT): console_rotate_a_key,
    ("ConsoleFunction", "KeysKey", MAKE_PAIR): console_rotate_a_key,
    **{
        ("ConsoleFunction", table.name, action): console_health_of(table.name, action)
        for table in TEMPLATE.tables
        for action, is_asked in (
            (DESCRIBE, True),
            (DESCRIBE_TTL, table.ttl is not None),
            (DESCRIBE_BACKUPS, table.recoverable),
        )
        if is_asked
    },
    ("RolesFunction", "ClientsTable", BATCH_GET): list_roles_by_a_machine,
    ("RolesFunction", "SessionsTable", GET): list_roles,
    ("RolesFunction", "UsersTable", BATCH_GET): list_roles,
    ("RolesFunction", "RolesTable", BATCH_GET): list_roles,
    ("RolesFunction", "RolesTable", PUT): save_role,
    ("RolesFunction", "CountersTable", GET): save_a_role_that_is_there,
    ("RolesFunction", "CodePepper", SECRET): list_roles_by_a_temporary_token,
    ("RolesFunction", "KeysTable", SCAN): list_roles_by_a_signed_token,
    ("DeletionsFunction", "UsersTable/closed", QUERY): delete_a_closed_account,
    ("DeletionsFunction", "UsersTable", GET): delete_a_closed_account,
    ("DeletionsFunction", "UsersTable", PUT): delete_a_closed_account,
    ("DeletionsFunction", "IdentitiesTable", DELETE): delete_a_closed_account,
    ("DeletionsFunction", "FactorsTable", QUERY): delete_a_closed_account,
    ("DeletionsFunction", "FactorsTable", DELETE): delete_a_closed_account,
    ("KeysFunction", "KeysTable", SCAN): maintain_keys,
    ("KeysFunction", "KeysTable", PUT): rotate_keys,
    ("KeysFunction", "KeysTable", UPDATE): take_away_a_private_half,
    ("KeysFunction", "KeysKey", MAKE_PAIR): rotate_keys,
    ("EventsFunction", "AuditTable", BATCH_WRITE): keep_an_event,
    ("EventsFunction", "EventBus", PUT_EVENTS): keep_an_event,
    ("EventsFunction", "EventsFailedQueue", SEND_MESSAGE): set_an_unreadable_record_aside,
    ("EventsFunction", "WebhooksQueue", SEND_MESSAGE): tell_a_webhook_of_an_event,
    ("EventsFunction", "WebhooksTable", SCAN): keep_an_event,
    ("EventsFunction", "CountersTable", UPDATE): count_an_event,
    ("EventsFunction", "ClientsTable", BATCH_GET): end_a_session_of_a_client,
    ("EventsFunction", "SessionsTable", QUERY): end_a_browser_session,
    ("WebhooksFunction", "WebhooksTable", SCAN): deliver_to_a_webhook_that_is_gone,
    ("WebhooksFunction", "WebhooksTable", UPDATE): deliver_to_who_answers_gone,
    ("WebhooksFunction", "ClientsTable", BATCH_GET): tell_an_unknown_client_of_a_logout,
    ("WebhooksFunction", "KeysTable", SCAN): tell_a_client_of_a_logout,
    ("WebhooksFunction", "KeysKey", DECRYPT): tell_a_client_of_a_logout,
}

# A busy store leaves a note by the first, for the repeat of a save that was answered 503, and the others are for such
# repeats. The stand-in's store is never busy. It also looks into the queue by itself, where Lambda does so by the role
# of the function. Where that may not postpone a message, the message comes again all the same.
NOTES: tuple[Line, ...] = (
    ("RolesFunction", "CountersTable", UPDATE),
    ("PagesFunction", "IdentitiesTable", GET),
    *(
        ("EventsFunction", f"{table.name}.StreamArn", action)
        for table in TEMPLATE.tables
        if table.stream
        for action in READ_STREAM
    ),
    ("EventsFunction", ANYTHING, LIST_STREAMS),
    *(("WebhooksFunction", "WebhooksQueue", action) for action in (RECEIVE, DELETE_MESSAGE, POSTPONE, LOOK_AT_QUEUE)),
)
