"""The catalogs of translations, read as they stand in the repository; the tests alone need that."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.web import PROJECT

_KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")')
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}|</?\w[^>]*>")


@dataclass
class Message:
    """One text and its translation; `said` has an entry for each form of the plural."""

    context: str = ""
    text: str = ""
    plural: str = ""
    said: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def name(self) -> tuple[str, str, str]:
        """What tells it from others."""
        return self.context, self.text, self.plural

    @property
    def is_done(self) -> bool:
        """Whether it is translated, in each form, and not by a guess."""
        return bool(self.said) and all(self.said) and not self.fuzzy

    @property
    def forms(self) -> list[tuple[str, str]]:
        """Each form of the text beside its translation."""
        texts = [self.text, *[self.plural] * (len(self.said) - 1)]
        return list(zip(texts, self.said, strict=True))


def catalogs(root: Path = PROJECT) -> list[Path]:
    """Every catalog: one for each app, and one for the project and its templates."""
    return sorted([*root.glob("locale/*/LC_MESSAGES/*.po"), *root.glob("*/locale/*/LC_MESSAGES/*.po")])


def messages(catalog: Path) -> list[Message]:
    """What stands in a catalog, its header left out."""
    entries = catalog.read_text(encoding="utf-8").split("\n\n")
    return [message for message in map(_read, entries) if message.text]


def placeholders(text: str) -> list[str]:
    """What must stand in a translation as it does in the text."""
    return sorted(_PLACEHOLDER.findall(text))


def _read(entry: str) -> Message:
    message, parts, last = Message(), dict[str, str](), ""
    for line in entry.splitlines():
        if line.startswith("#,") and "fuzzy" in line:
            message.fuzzy = True
        elif started := _KEYWORD.fullmatch(line):
            last = started[1]
            parts[last] = ast.literal_eval(started[2])
        elif line.startswith('"'):
            parts[last] += ast.literal_eval(line)
    message.context, message.text = parts.get("msgctxt", ""), parts.get("msgid", "")
    message.plural = parts.get("msgid_plural", "")
    message.said = [text for name, text in parts.items() if name.startswith("msgstr")]
    return message
