"""Signing keys, as they are stored and as they are used."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class KeyPair:
    """A new key pair: `public` in DER (SubjectPublicKeyInfo), `private` as its key wrapper gives it out."""

    public: bytes
    private: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredKey:
    """A key pair as it is kept, one of its algorithm's, which are numbered from 1.

    `kid` is its thumbprint (RFC 7638), `public` in DER (SubjectPublicKeyInfo). `private` is the private half as the
    key wrapper gave it out; None where that is gone, since the key signs no more.
    """

    algorithm: str
    number: int
    kid: str
    signs_from: int
    public: bytes = field(repr=False)
    private: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Key:
    """The public half of a key, ready for use: `public` is an object of the cryptography library."""

    kid: str
    algorithm: str
    signs_from: int
    public: Any = field(repr=False)


@dataclass(frozen=True)
class SigningKey:
    """The private half of a key, ready for use: `private` is an object of the cryptography library."""

    kid: str
    algorithm: str
    private: Any = field(repr=False)
