"""Notices that WeChat sends to a mini-program's server: verified, decrypted and read.

https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html

The signature is over the token, the time and the nonce, and in the encrypted mode over the message, too. So a notice in
the plain mode is only as good as the secrecy of its address' query: an app with a key takes no plain ones.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lingpai.identity_providers.settings import NoticeSecrets
from lingpai.kernel.errors import LingpaiError, forbidden

# Seconds that a notice may be old, or early.
_FRESH = 600
_BLOCK = 32
_XML_FIELD = re.compile(r"<(\w{1,32})>(?:(<!\[CDATA\[)|([^<]*)</\1>)?")
_CDATA_END = "]]>"
# Of `RevokeInfo`: all that the app was allowed.
_ALL = "301"


@dataclass(frozen=True)
class Notice:
    """What a notice tells: the event, the user's openid, and what was revoked."""

    app: str
    event: str
    openid: str = field(repr=False)
    revoked: frozenset[str] = frozenset()

    @property
    def withdraws_all(self) -> bool:
        """Whether the user has withdrawn all that the app was allowed, or closed their WeChat account."""
        if self.event == "user_authorization_cancellation":
            return True
        return self.event == "user_authorization_revoke" and _ALL in self.revoked


def check_signature(secrets: NoticeSecrets, given: Mapping[str, str], now: int, message: str | None = None) -> None:
    """LingpaiError unless WeChat has lately signed the query `given` and, in the encrypted mode, the `message`."""
    timestamp, nonce = given.get("timestamp", ""), given.get("nonce", "")
    sent = given.get("signature" if message is None else "msg_signature", "")
    signed = "".join(sorted((secrets.token, timestamp, nonce, *(() if message is None else (message,)))))
    expected = hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324  as WeChat has it
    is_good = hmac.compare_digest(expected.encode(), sent.encode())
    is_time = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12
    is_fresh = is_time and abs(now - int(timestamp)) <= _FRESH
    if not is_good or not is_fresh:
        raise refused()


def read(secrets: NoticeSecrets, app: str, given: Mapping[str, str], body: str, now: int) -> Notice:
    """The notice; LingpaiError for one that WeChat has not signed, or that is for another app."""
    if secrets.key is not None:
        message = _fields(body).get("Encrypt", "")
        check_signature(secrets, given, now, message)
        fields = _fields(_decrypted(secrets.key, message, app))
    else:
        check_signature(secrets, given, now)
        fields = _fields(body)
    if fields.get("AppID", app) != app:
        raise refused()
    revoked = frozenset(re.findall(r"[0-9]+", fields.get("RevokeInfo", "")))
    return Notice(app, fields.get("Event", ""), fields.get("OpenID") or fields.get("FromUserName", ""), revoked)


def refused() -> LingpaiError:
    """The refusal of what may not come from WeChat."""
    return forbidden("bad_notice")


def _fields(text: str) -> Mapping[str, str]:
    """The fields of a notice, which is JSON or XML by the app's settings; those that are no text are left out."""
    if text.lstrip().startswith("<"):
        return dict(_xml_fields(text))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise refused() from None
    if not isinstance(found, dict):
        raise refused()
    return {name: str(value) for name, value in found.items() if isinstance(value, str | int)}


def _xml_fields(text: str) -> Iterator[tuple[str, str]]:
    """The elements that hold text alone. Each character is looked at once or twice, whatever the text is like."""
    place = 0
    while found := _XML_FIELD.search(text, place):
        name, cdata, plain = found.groups()
        place = found.end()
        if cdata:
            end = text.find(_CDATA_END, place)
            if end < 0:
                raise refused()
            plain, place = text[place:end], end + len(_CDATA_END)
            if not text.startswith(f"</{name}>", place):
                continue
        if plain is not None:
            yield name, plain


def _decrypted(key: bytes, message: str, app: str) -> str:
    """The text of an encrypted notice: AES-256-CBC over 16 random bytes, the length, the text and the app id."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        sealed = base64.b64decode(message, validate=True)
        opener = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        content = opener.update(sealed) + opener.finalize()
        padding = content[-1]
        if not 1 <= padding <= _BLOCK or content[-padding:] != bytes([padding]) * padding:
            raise refused()
        content = content[16:-padding]
        length = int.from_bytes(content[:4])
        text, named = content[4 : 4 + length], content[4 + length :]
        if len(text) != length or named != app.encode():
            raise refused()
        return text.decode()
    except (ValueError, IndexError):
        raise refused() from None
