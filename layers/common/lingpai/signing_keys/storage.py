"""The interfaces of signing keys: the key store and the key wrapper."""

from typing import Protocol

from lingpai.signing_keys.model import Key, KeyPair, SigningKey, StoredKey


class KeyStore(Protocol):
    """A store of key pairs."""

    def load_keys(self) -> tuple[StoredKey, ...]:
        """All of them, in any order; sees all writes before it."""
        ...

    def add_key(self, key: StoredKey) -> bool:
        """Keep one more; False where another of its algorithm and number is there, which then stays as it is."""
        ...

    def forget_private(self, key: StoredKey) -> None:
        """Delete the private half of the key of this algorithm and number; one that is not there is no error."""
        ...

    def delete_key(self, key: StoredKey) -> None:
        """Delete the key of this algorithm and number; one that is not there is no error."""
        ...


class KeyWrapper(Protocol):
    """Makes key pairs, and keeps their private halves from whoever reads the store alone."""

    def generate(self, algorithm: str, number: int) -> KeyPair:
        """A new key pair (RFC 7518 section 3.1), to be kept under this algorithm and number."""
        ...

    def unwrap(self, key: StoredKey) -> bytes:
        """The private half in DER (PKCS #8); LingpaiError where it cannot be opened, now or as this key's."""
        ...


class Keys(Protocol):
    """The key ring as those who sign and verify need it."""

    def signing(self, algorithm: str, at: int) -> SigningKey:
        """The key of this algorithm that signs at this time; LingpaiError where there is none."""
        ...

    def published(self) -> tuple[Key, ...]:
        """Every key that may have signed a token that is alive, or will sign."""
        ...

    def find(self, kid: str) -> Key | None:
        """The published key of this id."""
        ...

    def stored(self) -> tuple[StoredKey, ...]:
        """All keys as they are kept, in any order; sees all writes before it."""
        ...

    def rotate(self, algorithm: str, lead: int) -> StoredKey | None:
        """Make the next key of the algorithm, which signs after `lead` seconds; None where another was made at once."""
        ...
