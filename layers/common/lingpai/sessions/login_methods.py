"""Login methods as `amr` values (RFC 8176 section 2), for `Session.methods`."""

PASSWORD = "pwd"
# A code sent to the account's mobile number.
SMS = "sms"
# An identity at a third party: an ID token, a WeChat code, a trusted client's openid. RFC 8176 has no value for it;
# Microsoft's identity platform uses "fed".
FEDERATED = "fed"

# The `acr` of a login (OpenID Connect Core section 2): the number of factors. Each method is one factor.
ONE_FACTOR = "1"


def acr(methods: tuple[str, ...]) -> str | None:
    """The authentication context class of a login by these methods; None if they are unknown."""
    return ONE_FACTOR if methods else None
