"""Values that nobody changes once they are made."""

from dataclasses import dataclass, field
from typing import dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen[T](cls: type[T]) -> type[T]:
    """A dataclass with slots, equal and hashed by its fields, and frozen: the type checker sees to it.

    Frozen at run time as well, it would set each field by a call, and to make one would take ten times as long.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
