"""DPoP proofs (RFC 9449 section 4)."""

from dataclasses import dataclass, field


class ProofError(ValueError):
    """A proof is not acceptable. The reason is `zh` in Chinese and `en` in English; neither quotes the proof."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True)
class Proof:
    """The content of a proof whose signature is verified (section 4.2).

    `jkt` is the SHA-256 thumbprint of its key (RFC 7638): 43 characters. `htu` is normalized. `iat` is in seconds
    since 1970.
    """

    jkt: str
    jti: str = field(repr=False)
    htm: str
    htu: str
    iat: int
    ath: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
