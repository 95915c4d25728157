r"""number: one number, in canonical form: no separators, exponent or trailing zeros ("1,250.50" -> "1250.5").

Strict: the last line is the number, alone or after a marker ("####", "Answer:", "the answer is") or in a
\boxed{}. Lenient: the last number anywhere outside thoughts. Currency signs and a per cent sign are dropped
(50 % reads as 50), fractions and mixed numbers become decimals ("1 1/2" -> "1.5").
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache

from underdog.reading.rule import Options, Rule, Said, plainly
from underdog.reading.wrapping import stated, unthought

WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
CURRENCY = r"(?:\\?[$]|[€£¥₹]|(?:USD|EUR|GBP|US\$)\s?)"
NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_.])(?P<sign>(?<![)\]])[-−+])?(?:{CURRENCY}\s?(?P<minus>[-−])?)?"
    rf"(?:(?P<mixed>\d+)[ ](?=\d+/\d))?"
    rf"(?P<whole>{WHOLE}(?:\.\d+)?|\.\d+)(?P<power>[eE][-+]?\d{{1,4}}(?![\w]))?"
    rf"(?:\s?/\s?(?P<under>{WHOLE})(?![\d/]))?(?P<percent>\s?\\?%)?"
)
LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,!; ]"), ""),
)
MAX_DIGITS = 400


def plain(text: str) -> str:
    """The text with LaTeX's ways of writing numbers replaced by the ordinary ones."""
    if "\\" in text or "{," in text:
        for pattern, instead in LATEX:
            text = pattern.sub(instead, text)
    return text


def canonical(value: Decimal) -> str:
    """The one way of writing a number: no exponent, no trailing zeros, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def value_of(match: re.Match[str]) -> Decimal | None:
    """The value of a match of NUMBER; None when it is no number we can hold (n/0, 10^9999)."""
    try:
        value = Decimal(match["whole"].replace(",", "") + (match["power"] or ""))
        if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS:
            return None
        if match["under"]:
            with localcontext() as context:
                context.prec = 15
                value = value / Decimal(match["under"].replace(",", ""))
        if match["mixed"]:
            value += Decimal(match["mixed"])
    except (InvalidOperation, ZeroDivisionError):
        return None
    return -value if (match["sign"] in ("-", "−")) != bool(match["minus"]) else value


@lru_cache(maxsize=1 << 14)
def parse(text: str) -> Decimal | None:
    """The number that the whole text is, currency, per cent and a full stop apart; else None."""
    match = NUMBER.fullmatch(plain(text).strip().rstrip("."))
    return value_of(match) if match else None


def last(text: str) -> Decimal | None:
    """The last number anywhere in the text, or None."""
    found = None
    for match in NUMBER.finditer(plain(text)):
        value = value_of(match)
        found = value if value is not None else found
    return found


def strict(said: Said, options: Options) -> str | None:
    answer = stated(said.text)
    value = parse(answer) if answer else None
    return None if value is None else canonical(value)


def lenient(said: Said, options: Options) -> str | None:
    value = last(unthought(said.text))
    return None if value is None else canonical(value)


RULE = Rule(strict, lenient, plainly)
