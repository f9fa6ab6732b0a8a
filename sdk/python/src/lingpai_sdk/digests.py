"""The digests that `UserCenter` sends in place of a password (seed 002: md5password, shapassword)."""

import hashlib
from typing import NamedTuple

from lingpai_sdk._arguments import text


class Digests(NamedTuple):
    """MD5 and SHA-1 in lower-case hex. They are enough to log in: keep them as secret as the password."""

    md5: str
    sha: str

    def __repr__(self) -> str:
        return "Digests(md5=***, sha=***)"


def digests(password: str) -> Digests:
    """The digests of the password's UTF-8, computed here: `create_access_token(name, *digests(password))`.

    ValueError for an empty password, or one that is no text (a lone surrogate).
    """
    raw = text("password", password).encode()
    # What the interface asks for; the server keeps a slow hash of them.
    md5 = hashlib.md5(raw, usedforsecurity=False)
    sha1 = hashlib.sha1(raw, usedforsecurity=False)
    return Digests(md5.hexdigest(), sha1.hexdigest())
