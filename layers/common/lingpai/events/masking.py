"""What events tell of names, numbers and addresses: enough to recognise them, too little to use them."""


def username(text: str) -> str:
    """Its first character."""
    return f"{text[:1]}***"


def mobile(number: str) -> str:
    """A number in E.164 without its middle, which has four digits at least.

    `138****8000` for one of China, `+1202****34` for others.
    """
    if number.startswith("+86") and len(number) == len("+8613800138000"):
        return f"{number[3:6]}****{number[-4:]}"
    return f"{number[: min(5, max(1, len(number) - 6))]}****{number[-2:]}"


def email(address: str) -> str:
    """The first character of its local part, and the domain."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def openid(issuer: str, text: str) -> str:
    """The provider and its app, and the first characters of the id there: at most half of them."""
    return f"{issuer}:{text[: min(4, len(text) // 2)]}***"
