"""The DPoP settings."""

from lingpai.kernel.setting_types import FeatureSettings


class DpopSettings(FeatureSettings):
    """DPoP: what the proofs of clients need."""

    dpop_nonce: bool = False
    """yes or no: whether a DPoP proof needs a nonce of the server (RFC 9449 section 8); its age is then told by the
    nonce, so that a client's clock may be wrong
    """
