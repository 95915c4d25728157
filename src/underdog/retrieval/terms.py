"""Terms: the words by which a text is searched, and their numbers.

Compatible forms and cases are one (NFKC, then casefold). Signs of scripts that write no spaces are terms of
their own, as in Lucene's standard analyser. There are no stop words and no stems: what is frequent weighs
little by itself, and a stemmer would be right for one language only.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TERM = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")


def terms(text: str) -> list[str]:
    """The terms of a text, in order, repeats included."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _TERM.findall(text.casefold())


def number(term: str) -> int:
    """A term as 64 bits of a hash, so that there is no vocabulary to keep.

    Among a million terms the chance that any two share one is 3e-8.
    """
    hashed = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(hashed, "little", signed=True)
