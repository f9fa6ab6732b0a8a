"""E-mail addresses, as people type them, as they are kept, and as they are compared.

An address is the dot-atom of RFC 5321 section 4.1.2, or that of RFC 6531 section 3.3 with letters of any script. Quoted
local parts, address literals and domains without a dot are refused.

The local part is kept as it was given, in NFC (RFC 6532 section 3.1): only its own server may say which spellings are
one (RFC 5321 section 2.4), so messages go to the spelling that was given. Two addresses that differ only in case are
one identity all the same, since nobody hands them out to two people. Dots and tags (`mei+shop`) make another address.
"""

import re
import unicodedata

from lingpai.kernel import names, typed_text
from lingpai.kernel.errors import invalid_request

# RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3 (a path holds two angle brackets), in octets.
_LOCAL_MAX, _ADDRESS_MAX = 64, 254
# What is longer is refused unread, however many spaces are in it.
_TYPED_MAX = 1000
_ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?=[^.]*[a-z]){_LABEL}")
# IDNA 2003, which Python has, and IDNA 2008 make different domains of these (RFC 5894 section 7.2).
_DEVIATIONS = re.compile("[ßς\u200c\u200d]")


def parse(text: str) -> str:
    """The address as it is kept: without spaces and invisible characters at its ends, its domain in lower case.

    An internationalised domain is written as in DNS (`xn--…`, RFC 5890). LingpaiError `bad_email` for anything else.
    """
    if len(text) > _TYPED_MAX:
        raise invalid_request("bad_email")
    local, _, unicode_domain = unicodedata.normalize("NFC", typed_text.trimmed(text)).rpartition("@")
    domain = _in_dns(unicode_domain)
    address = f"{local}@{domain}"
    if not _is_local_part(local) or not _DOMAIN.fullmatch(domain) or len(address.encode()) > _ADDRESS_MAX:
        raise invalid_request("bad_email")
    return address


def folded(address: str) -> str:
    """The form in which addresses that were parsed are compared: without case."""
    return unicodedata.normalize("NFC", address.lower())


def _is_local_part(text: str) -> bool:
    return bool(_LOCAL.fullmatch(text)) and names.is_visible(text) and len(text.encode()) <= _LOCAL_MAX


def _in_dns(domain: str) -> str:
    """The domain in ASCII and lower case; empty where it has no such form."""
    if _DEVIATIONS.search(domain) or not names.is_visible(domain):
        return ""
    try:
        return domain.encode("idna").decode().lower()
    except UnicodeError:
        return ""
