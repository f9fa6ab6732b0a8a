"""The languages that texts are written in."""

from typing import Literal

Language = Literal["zh", "en"]
