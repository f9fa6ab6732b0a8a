"""How a person logged in, as `amr` values (RFC 8176 section 2): what `Session.methods` holds."""

PASSWORD = "pwd"
# A code sent to the account's mobile number.
SMS = "sms"
# A third party's word: an ID token, a WeChat code, a trusted client's openid. RFC 8176 has no value for it; "fed" is
# what Microsoft's identity platform uses.
FEDERATED = "fed"

# The `acr` of a login (OpenID Connect Core section 2): so many factors were proven. All methods so far are one.
ONE_FACTOR = "1"


def acr(methods: tuple[str, ...]) -> str | None:
    """The authentication context class of a login by these methods; None where they are not known."""
    return ONE_FACTOR if methods else None
