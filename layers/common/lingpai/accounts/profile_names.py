"""The fields of a profile: their names in seed 003 (requests, responses, the store, export files), and their limits."""

from collections.abc import Mapping

from lingpai.accounts.model import Profile

# In the order of the seed. A change of an account expects the stored text as it is, so the order is part of the format.
FIELDS = {
    "name": "name",
    "age": "age",
    "phone": "phone_number",
    "gender": "gender",
    "addr": "address",
    "createTime": "created_at",
    "nation": "nation",
    "instruction": "introduction",
    "images": "picture",
    "birthday": "birthdate",
}

# The longest text of each field that its owner may write, in characters.
LIMITS = {
    "name": 64,
    "age": 16,
    "phone_number": 32,
    "gender": 16,
    "address": 255,
    "nation": 64,
    "introduction": 2000,
    "picture": 4000,
}


def by_seed_names(profile: Profile) -> dict[str, str | None]:
    """The fields of the profile under the seed's names."""
    return {name: getattr(profile, field) for name, field in FIELDS.items()}


def from_seed_names(texts: Mapping[str, str]) -> Profile:
    """The profile from fields under the seed's names."""
    return Profile(**{FIELDS[name]: text for name, text in texts.items()})
