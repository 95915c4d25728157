"""What models wrap around an answer: thoughts, code fences, markers such as "Answer:", boxes and bold.

Shared by the rules. Every function takes any text whatsoever and never raises.
"""

from __future__ import annotations

import re

FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
MARKER = re.compile(
    r"(?:####|\b(?:the\s+)?(?:final\s+|correct\s+)?answers?\b\s*(?:(?:is|are)\s*)?[:=]|"
    r"\b(?:the\s+)?(?:final\s+|correct\s+)?answers?\s+(?:is|are)\b|^[ \t]*A:)[ \t*_:]*",
    re.IGNORECASE | re.MULTILINE,
)
THOUGHT = re.compile(r"<(think|thinking|reasoning|thought)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}


def unthought(text: str) -> str:
    """The text without its thoughts; a thought that was never closed goes to the end of the text."""
    if "</think>" in text and "<think>" not in text:
        return text.rpartition("</think>")[2]
    return THOUGHT.sub("", text)


def fenced(text: str) -> list[str]:
    """The insides of the code fences, in order; the last one may be unclosed."""
    return [inside.strip() for inside in FENCE.findall(text)] if "```" in text else []


def boxed(text: str) -> str | None:
    r"""The inside of the last \boxed{...}, or None."""
    found = BOXED.findall(text) if "\\" in text else []
    return str(found[-1]).strip() if found else None


def bare(text: str) -> str:
    """The text without the bold, quotes, dollars and full stop around it."""
    text = text.strip()
    for mark in ("***", "**", "__", "$$", "$"):
        if text.startswith(mark) and text.endswith(mark) and len(text) > 2 * len(mark):
            text = text[len(mark) : -len(mark)].strip()
    text = text.strip("*").strip()
    if len(text) > 2 and QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1].rstrip()
    return text.strip("*").strip()


def last_line(text: str) -> str:
    """The last line that is not blank, stripped; empty when there is none."""
    return text.rstrip().rpartition("\n")[2].strip()


def stated(text: str) -> str | None:
    """The answer where answers stand: the whole last line, or what follows a marker or a box on it."""
    line = last_line(text)
    if not line:
        return None
    box = boxed(line)
    if box is not None:
        return bare(box)
    marks = list(MARKER.finditer(line))
    return bare(line[marks[-1].end() :] if marks else line) or None


def announced(text: str) -> str | None:
    """The answer after the last marker or in the last box anywhere in the text, to the end of its line."""
    marks = list(MARKER.finditer(text))
    boxes = list(BOXED.finditer(text)) if "\\" in text else []
    if boxes and (not marks or boxes[-1].end() > marks[-1].start()):
        return bare(boxes[-1].group(1)) or None
    if not marks:
        return None
    after = text[marks[-1].end() :].strip()
    return bare(after.partition("\n")[0]) or None


def folded(text: str) -> str:
    """For comparing words: lower case, without surrounding marks, separators as single spaces."""
    return re.sub(r"[\s_\-]+", " ", bare(text)).strip(" .,:;!?\"'()[]").casefold()
