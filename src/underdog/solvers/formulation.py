"""What every solver reads: a text in named sections, a statement a line, a remark after `:::`.

That is how Logic-LM writes its programs (arXiv 2305.12295). Nothing is solved here.
"""

from __future__ import annotations

import re

from underdog.errors import UserError

HEADING = re.compile(r"^\W*([A-Z][a-z]+?)s?\s*:\s*$")
FENCE = re.compile(r"^```\w*$")


class Unreadable(UserError):
    """A formulation that no solver can run: the sentence says what is wrong, for its author to mend."""


def sections(text: str) -> dict[str, list[str]]:
    """The statements under each heading, headings in the singular (`Facts:` is "Fact"), remarks cut off."""
    found: dict[str, list[str]] = {}
    under: list[str] | None = None
    for line in text.splitlines():
        statement = line.split(":::")[0].strip()
        if heading := HEADING.match(statement):
            under = found.setdefault(heading[1], [])
        elif statement and under is not None and not FENCE.match(statement):
            under.append(statement)
    return found


def needed(found: dict[str, list[str]], heading: str) -> list[str]:
    """The statements under a heading that must have some.

    Raises:
        Unreadable: it is not there, or empty.
    """
    if not found.get(heading):
        had = ", ".join(found) or "none"
        raise Unreadable(f"there must be a section {heading} with a statement under it; got {had}")
    return found[heading]
