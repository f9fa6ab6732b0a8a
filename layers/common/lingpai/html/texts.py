"""Texts for people, in the language of a page: name → (Chinese, English)."""

from collections.abc import Mapping
from typing import Any

from lingpai.browser_sessions.model import Place
from lingpai.kernel import messages
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.language import Language

Table = Mapping[str, tuple[str, str]]


class Texts:
    """The texts of a table in one language. `refusals` stand in place of the texts of `kernel.messages`."""

    def __init__(self, language: Language, table: Table, refusals: Table) -> None:
        self.language = language
        self._table = table
        self._refusals = refusals

    def __call__(self, name: str, /, **values: Any) -> str:
        """The text of this name, with `values` filled in."""
        return self._in_language(self._table[name]).format(**values)

    def device(self, device: str) -> str:
        """The device of a browser session, in words."""
        browser, _, system = device.partition("/")
        if browser and system:
            return self("device", browser=browser, system=system)
        return browser or system or self("unknown_device")

    def place(self, place: Place | None) -> str:
        """The place of a browser session; empty where nothing is known of it."""
        return self._in_language((place.zh, place.en)) if place else ""

    def refusal(self, error: LingpaiError) -> str:
        """Why something was refused, and when to try again."""
        found = self._refusals.get(error.reason)
        if error.reason == "missing_parameter":
            # A field that was left empty.
            found = self._table.get(f"missing_{error.values['name']}")
        if found is not None:
            said = self._in_language(found).format(**error.values)
        else:
            said = messages.text(error.reason, self.language, error.values)
        if error.retry_after is not None and error.retry_after > 1:
            said = f"{said}{'。' if self.language == 'zh' else '. '}{self('wait', span=self.span(error.retry_after))}"
        return said

    def sentence(self, text: str) -> str:
        """The text with a full stop, which texts beside a field have not."""
        return text if text.endswith((".", "。")) else f"{text}{'。' if self.language == 'zh' else '.'}"

    def span(self, seconds: int) -> str:
        """A span of time, rounded up to a whole number of its unit."""
        if seconds < 120:
            return self("seconds", n=seconds)
        if seconds < 7200:
            return self("minutes", n=-(-seconds // 60))
        return self("hours", n=-(-seconds // 3600))

    def _in_language(self, texts: tuple[str, str]) -> str:
        return texts[0] if self.language == "zh" else texts[1]
