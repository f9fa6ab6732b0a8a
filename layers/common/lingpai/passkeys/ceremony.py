"""The ceremonies of WebAuthn level 3: what a browser is asked, and what its answer proves.

The options are plain JSON. `fido2` parses and verifies the answers; what it leaves out is verified here. Whatever it
raises for made-up bytes is a wrong answer. The challenge of an answer is only read: `storage.UseChallenge` fails for
one that was not issued, or was used.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lingpai.kernel import base64url
from lingpai.kernel.errors import LingpaiError, invalid_grant
from lingpai.passkeys.model import Passkey

# ES256, EdDSA and RS256 (COSE): what section 5.8.5 and the browsers recommend to ask for.
_ALGORITHMS = (-7, -8, -257)
# Section 7.1 has the first limit. A key of these algorithms needs 350 bytes at most in practice.
_ID_MAX, _KEY_MAX = 1023, 1024
_TRANSPORT = re.compile(r"[a-z-]{1,32}")
_TRANSPORTS_MAX = 8


@dataclass(frozen=True)
class RelyingParty:
    """The relying party: the domain that its passkeys belong to, and the origins that they may be presented at."""

    id: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Registered:
    """A passkey that was created for `challenge`; the other fields are as in `Passkey`."""

    challenge: bytes = field(repr=False)
    id: bytes = field(repr=False)
    credential: bytes = field(repr=False)
    counter: int
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True)
class Presented:
    """An answer to a request, not verified yet: which passkey it is by, and which account that says to belong to.

    `user_handle` is empty where the authenticator gives none. `body` is the answer itself.
    """

    id: bytes = field(repr=False)
    user_handle: bytes = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Asserted:
    """What a verified answer says: the challenge, the signature counter and whether the passkey is backed up."""

    challenge: bytes = field(repr=False)
    counter: int
    backed_up: bool


def creation_options(
    party: RelyingParty, challenge: bytes, user_handle: bytes, name: str, known: Iterable[Passkey], timeout: int
) -> Mapping[str, Any]:
    """Options for `navigator.credentials.create` as JSON (section 5.4), for `timeout` seconds.

    `name` is what the browser shows for the account. An authenticator that has one of the passkeys `known` makes no
    other one. The passkey can be found without a name, and its user is verified when it is made.
    """
    return {
        "rp": {"id": party.id, "name": party.id},
        "user": {"id": base64url.encode(user_handle), "name": name, "displayName": name},
        "challenge": base64url.encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
        "timeout": timeout * 1000,
        "excludeCredentials": _descriptors(known),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(
    party: RelyingParty, challenge: bytes, allowed: Iterable[Passkey], timeout: int, *, verified: bool
) -> Mapping[str, Any]:
    """Options for `navigator.credentials.get` as JSON (section 5.5), for `timeout` seconds.

    Any passkey may answer where none is `allowed` by name. `verified`: its user has to be verified.
    """
    return {
        "rpId": party.id,
        "challenge": base64url.encode(challenge),
        "timeout": timeout * 1000,
        "allowCredentials": _descriptors(allowed),
        "userVerification": "required" if verified else "preferred",
    }


def _descriptors(passkeys: Iterable[Passkey]) -> list[Mapping[str, Any]]:
    return [
        {"type": "public-key", "id": base64url.encode(passkey.id), "transports": list(passkey.transports)}
        for passkey in passkeys
    ]


def refused(detail: str) -> LingpaiError:
    """The refusal of an answer, the same for whatever is wrong with it; `detail` is logged."""
    return invalid_grant("bad_passkey", f"passkey: {detail}")


def read_answer(text: str) -> Mapping[str, Any]:
    """The JSON of an answer (section 5.1: `toJSON`); LingpaiError `bad_passkey` for anything else."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or body.get("type") != "public-key":
        raise refused("no answer of a browser")
    return body


def verify_registration(party: RelyingParty, body: Mapping[str, Any]) -> Registered:
    """The passkey of an answer to `creation_options` (section 7.1); LingpaiError `bad_passkey` for a wrong answer.

    An attestation is neither asked for nor verified: it would say of which make the authenticator is.
    """
    try:
        return _registered(party, body)
    except LingpaiError:
        raise
    except Exception as error:
        raise refused(_said(error)) from error


def read_assertion(body: Mapping[str, Any]) -> Presented:
    """An answer to `request_options`; LingpaiError `bad_passkey` for what is none."""
    from fido2.webauthn import AuthenticationResponse

    try:
        answer = AuthenticationResponse.from_dict(body)
        return Presented(answer.raw_id, answer.response.user_handle or b"", body)
    except Exception as error:
        raise refused(_said(error)) from error


def verify_assertion(party: RelyingParty, presented: Presented, passkey: Passkey, *, verified: bool) -> Asserted:
    """What the answer says, if the passkey has signed it (section 7.2); LingpaiError `bad_passkey` otherwise.

    `verified`: the authenticator has to have verified its user. The caller compares the counter when it is stored.
    """
    try:
        return _asserted(party, presented, passkey, verified=verified)
    except LingpaiError:
        raise
    except Exception as error:
        raise refused(_said(error)) from error


def _registered(party: RelyingParty, body: Mapping[str, Any]) -> Registered:
    from fido2.webauthn import RegistrationResponse

    answer = RegistrationResponse.from_dict(body)
    client_data = answer.response.client_data
    _check_embedding(client_data)
    said = _server(party).register_complete(_state(client_data.challenge, verified=True), answer)
    made = said.credential_data
    if made is None or made.credential_id != answer.raw_id:
        raise refused("no credential, or another one than it says")
    if len(made.credential_id) > _ID_MAX or len(made) > 18 + _ID_MAX + _KEY_MAX:
        raise refused("a credential that is too long")
    if made.public_key.get(3) not in _ALGORITHMS:
        raise refused("an algorithm that was not asked for")
    _check_key(made.public_key)
    backup_eligible, backed_up = _backup(said)
    return Registered(
        client_data.challenge,
        made.credential_id,
        bytes(made),
        said.counter,
        backup_eligible,
        backed_up,
        _transports(body["response"].get("transports")),
    )


def _asserted(party: RelyingParty, presented: Presented, passkey: Passkey, *, verified: bool) -> Asserted:
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse

    answer = AuthenticationResponse.from_dict(presented.body)
    client_data, said = answer.response.client_data, answer.response.authenticator_data
    _check_embedding(client_data)
    state = _state(client_data.challenge, verified=verified)
    _server(party).authenticate_complete(state, [AttestedCredentialData(passkey.credential)], answer)
    backup_eligible, backed_up = _backup(said)
    if backup_eligible != passkey.backup_eligible:
        raise refused("its backup eligibility has changed")
    return Asserted(client_data.challenge, said.counter, backed_up)


def _server(party: RelyingParty) -> Any:
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    entity = PublicKeyCredentialRpEntity(id=party.id, name=party.id)
    return Fido2Server(entity, verify_origin=lambda origin: origin in party.origins)


def _state(challenge: bytes, *, verified: bool) -> Mapping[str, Any]:
    """What `fido2` compares an answer with."""
    return {"challenge": base64url.encode(challenge), "user_verification": "required" if verified else "preferred"}


def _check_embedding(client_data: Any) -> None:
    """Refuse an answer from a page inside of another site's page (sections 7.1 and 7.2: crossOrigin, topOrigin)."""
    said = client_data._data  # noqa: SLF001  fido2 reads `crossOrigin` alone
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise refused("it comes from within another site's page")


def _backup(said: Any) -> tuple[bool, bool]:
    """The flags BE and BS of authenticator data; what cannot be backed up is not (section 6.1.3)."""
    backup_eligible, backed_up = said.is_backup_eligible(), said.is_backed_up()
    if backed_up and not backup_eligible:
        raise refused("backed up, and not eligible for it")
    return backup_eligible, backed_up


def _check_key(public_key: Any) -> None:
    """Raise an error for a key that no signature can be verified with, such as a point beside its curve."""
    from cryptography.exceptions import InvalidSignature

    try:
        public_key.verify(b"", b"")
    except InvalidSignature:
        return


def _transports(given: object) -> tuple[str, ...]:
    """The transports that a browser tells of (section 5.8.4), kept as they are, without what cannot be one."""
    if not isinstance(given, list):
        return ()
    known = (text for text in given if isinstance(text, str) and _TRANSPORT.fullmatch(text))
    return tuple(dict.fromkeys(known))[:_TRANSPORTS_MAX]


def _said(error: Exception) -> str:
    """What is wrong, without anything of the answer: fido2's own words, or the kind of error."""
    text = str(error)
    return text if text in _WORDS else type(error).__name__


# What fido2 says of answers that it refuses.
_WORDS = {
    "Incorrect type in CollectedClientData.",
    "Invalid origin in CollectedClientData.",
    "Wrong challenge in response.",
    "Wrong RP ID hash in response.",
    "User Present flag not set.",
    "User verification required, but User Verified flag not set.",
    "User verification required, but user verified flag not set.",
    "Invalid signature.",
    "Unknown credential ID.",
}
