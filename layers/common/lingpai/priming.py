"""Work of a function before its snapshot is made (SnapStart), so that a restored one need not do it.

All that any request imports is imported, the settings are read, and each route answers one request, whose store is
canned (`aws.canned`). No secret setting is read, no connection opened, no key used, and all that was made for it is
given up: of a snapshot many processes are made. See docs/decisions/0023-snapshot-priming.md.
"""

import gc
import importlib
import io
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import SecretStr
from snapshot_restore_py import register_after_restore, register_before_snapshot

from lingpai import bootstrap
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.storage import PutIdentity, PutUser
from lingpai.aws.canned import canned_client
from lingpai.aws.client import aws_client, botocore_session
from lingpai.aws.trust_store import BOTOCORES, trust_store
from lingpai.clients.model import CHALLENGE
from lingpai.clients.scopes import API_SCOPES
from lingpai.clients.service import new_client
from lingpai.http import observability, router
from lingpai.http.metrics import EmfMeter
from lingpai.identity_providers import trusted
from lingpai.kernel import base64url
from lingpai.kernel.clock import Clock
from lingpai.oauth import grants, rights
from lingpai.outbound.connections import machine_context, tls_context, warm_up_tls
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions import token_family
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import PutSession
from lingpai.settings import Settings, from_environment
from lingpai.sms.senders.console import ConsoleSender
from lingpai.store import DynamoStore

# What is imported inside functions, by us and by libraries, and not by the requests below.
MODULES = (
    "argon2",
    "bcrypt",
    "botocore.awsrequest",
    "botocore.config",
    "botocore.session",
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.serialization",
    "encodings.idna",  # the look-up of a host
    "fido2.server",
    "fido2.webauthn",
    "ipaddress",
    "jwt",
    "lingpai.aws.botocore_client",
    "lingpai.outbound.https",
    "lingpai.passwords.legacy_hashes",
    "phonenumbers",
)
_PRIMED = "primed"
_PASSWORD = "a password that nobody has"
_KEY, _SECRET = SessionKey(1, bytes(8)), bytes(32)
_LIFE = 86400
_ELSEWHERE = "arn:aws:secretsmanager:us-east-1:000000000000:secret:primed"


def before_snapshot(*routes: router.Route) -> None:
    """Have the runtime prime these routes before it makes a snapshot, and reseed TLS after it restored one.

    The runtime does neither where functions start without a snapshot.
    """
    register_before_snapshot(prime, *routes)
    register_after_restore(reseed_tls)


def prime(*routes: router.Route) -> None:
    """Load all modules, and answer a request for each route. A failure is logged, and costs later requests time alone.

    It does not stop the deployment, which may be an urgent one.
    """
    begun = time.perf_counter()
    try:
        settings = from_environment(_without_secrets(os.environ))
        load_modules(settings)
        statuses = _answer_all(settings, routes)
    except Exception as error:  # noqa: BLE001  whatever it is, requests are answered without it
        observability.log_priming_failure(error)
    else:
        observability.log_priming(statuses, time.perf_counter() - begun)
    finally:
        bootstrap.services.cache_clear()
        # The first request would do it, and keep what was made for the canned ones.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.enable()


def reseed_tls() -> None:
    """Stir the random numbers of TLS, whose generator may have been restored in one state many times.

    Secrets come from the system, which needs no seed; `bootstrap.services` gives `random` one.
    """
    seed = os.urandom(48)
    ssl.RAND_add(seed, len(seed))


def load_modules(settings: Settings) -> None:
    """Load what requests load: modules, the data of botocore and of the number library, certificate authorities."""
    for name in MODULES:
        importlib.import_module(name)
    importlib.import_module("phonenumbers").PhoneMetadata.load_all()
    # The places where credentials are looked for, but not one look at them.
    botocore_session().get_component("credential_provider")
    aws_client(settings, "dynamodb", credentials=(_PRIMED, _PRIMED))
    tls_context(trust_store(settings.aws_region) or BOTOCORES)
    machine_context(os.environ.get("SSL_CERT_FILE"))
    warm_up_tls()
    for provider in settings.sms_provider:
        if service := {"aws": "pinpoint-sms-voice-v2", "sns": "sns"}.get(provider):
            botocore_session().create_client(
                service,
                region_name=settings.aws_sms_region or settings.aws_region,
                aws_access_key_id=_PRIMED,
                aws_secret_access_key=_PRIMED,
            )


def _answer_all(settings: Settings, routes: tuple[router.Route, ...]) -> dict[str, int]:
    """The status of the answer to one request for each route."""
    services = _canned_services(settings)
    handler = router.lambda_handler(lambda: services, rights.admit, *routes)
    with _unlogged():
        return {route.path: handler(_event(route), None)["statusCode"] for route in routes}


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in the environment, but no secret: each that is there seems to be kept in Secrets Manager.

    A secret's value is not even looked at: what was in memory once may stay there, though nothing refers to it.
    """
    kept: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        variable = name.upper()
        if variable in environment:
            is_secret = field.annotation is SecretStr
            kept[f"{variable}_SECRET" if is_secret else variable] = _ELSEWHERE if is_secret else environment[variable]
    return kept


def _canned_services(settings: Settings) -> Services:
    clock = Clock()
    store = DynamoStore(settings, canned_client)
    _populate(store, clock.now())
    services = bootstrap.build(settings, store, clock, store)
    return replace(
        services,
        sms=ConsoleSender(),
        meter=EmfMeter(settings.metrics_namespace or _PRIMED, clock, len, by_prefix=settings.metrics_by_prefix),
        pepper=_PRIMED.encode,
        # Else it would be the address of the request, kept with these services.
        issuer=settings.issuer or "https://primed.invalid",
    )


def _populate(store: DynamoStore, now: int) -> None:
    """Put a client, a user with a session there, and a role into the store."""
    client = new_client(
        _PRIMED,
        "standard",
        _PRIMED,
        grants={CHALLENGE, *(grant.PERMISSION for grant in grants.REGISTRY.values())},
        scopes=tuple(API_SCOPES),
        introspect=True,
        sign_provider=trusted.NAME,
        first_party=True,
    )
    session = Session(
        key=_KEY,
        client_id=_PRIMED,
        scope=client.scopes,
        created_at=now,
        ends_at=now + _LIFE,
        access_hash=token_family.digest(_SECRET),
        access_expires_at=now + _LIFE,
        access_scope=client.scopes,
        refresh_hash=token_family.digest(_SECRET),
        refresh_expires_at=now + _LIFE,
        auth_time=now,
        methods=("pwd",),
    )
    password = passwords.hash_password(_PASSWORD, store.settings)
    user = User(_KEY.owner, now, _PRIMED, password=password, roles=frozenset((1,)))
    store.create_client(client)
    store.commit(PutUser(user, 1), PutIdentity(_PRIMED, user.id), PutSession(session, session.ends_at))
    store.save_roles(RoleBook(((1, store.settings.admin_role),), next_id=2))


def _event(route: router.Route) -> dict[str, Any]:
    """A request for the route that is let in, as API Gateway has it."""
    token = sessions.token_text(_KEY, _SECRET)
    fields = {
        "grant_type": "password",
        "client_id": _PRIMED,
        "client_secret": _PRIMED,
        "username": _PRIMED,
        "userName": _PRIMED,
        "password": _PASSWORD,
        "response_type": "code",
        "code_challenge": base64url.encode(bytes(32)),
        "code_challenge_method": "S256",
        "newPassword": "another password that nobody has",
        "oldPassword": _PASSWORD,
        "mobile": "+8613312341234",
        "code": "123456",
        "sign": _PRIMED,
        "token": token,
        "accessToken": token,
        "refresh_token": token,
        "roleName": _PRIMED,
        "id": _KEY.owner,
        "userId": _KEY.owner,
    }
    headers = {"content-type": "application/json"}
    if route.needs != "none":
        headers["authorization"] = f"Bearer {token}"
    return {
        "rawPath": route.path,
        "headers": headers,
        "body": json.dumps(fields) if "POST" in route.methods else "",
        "requestContext": {
            "domainName": "primed.invalid",
            "http": {"method": route.methods[0], "sourceIp": "127.0.0.1"},
            "requestId": _PRIMED,
            "stage": "$default",
        },
    }


@contextmanager
def _unlogged() -> Iterator[None]:
    """Write what is logged within the block, and keep none of it."""
    handlers: list[Any] = observability.logger.handlers
    streams = [handler.setStream(io.StringIO()) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            handler.setStream(stream)
