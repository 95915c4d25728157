"""Retrieve: passages of the user's documents put before the question (Lewis et al., arXiv 2005.11401).

The lever pays where a model lacks knowledge that the documents hold; whether the search or the reader loses
what is left, `underdog diagnose` tells by gold and wrong passages. Searching is an act (`acts/search.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from underdog.answerer import Answer, Answerer, Ask, Request, Steps, Tool, act, ask
from underdog.errors import StudyError
from underdog.levers.asked import asked_text, last_user, worded
from underdog.levers.route import EMBED
from underdog.retrieval.collection import collected
from underdog.retrieval.index import By, index_of
from underdog.stored import Stored

SEARCH = Tool("search")
"""A query to the passages of an index: `search(query, k, by, vector)` gives {"id", "text", "score"} each.

What changes which passages are found takes another version: results are recorded by it.
"""

PLAIN = "{passages}\n\n{input}"
CITED = (
    "{passages}\n\nAnswer from the passages above and cite those you use by their numbers, like [1]."
    "\n\n{input}"
)
_CITATION = re.compile(r"\[(\d+(?:\s*,\s*\d+)*)\]")


@dataclass(frozen=True)
class Retrieve:
    """`inner` asked with the `k` passages that fit the last user message best in front of it.

    Without a hit it is asked the plain question. Put levers that change the conversation (FewShot) outside
    it: then only the question is searched for.

    Attributes:
        documents: the index that is searched. In a study file a path (a folder of .txt and .md files, a
            table, an index), or a mapping with how its texts are found and cut (docs/levers/retrieve.md).
        by: `bm25` finds passages by words, `vectors` by the index's embedder, `hybrid` by both.
        template: how the question is put; None: the passages, a blank line, `{input}`.
        between: what stands between two passages.
        cite: number the passages, ask for citations, and end the answer's text with the sources that it
            cites by number. Answers in a response format stay as they are.

    Raises:
        StudyError: k below 1, a template without its places, or vectors that the index does not have.
        DataError: the file is no index.
    """

    inner: Answerer
    documents: Stored = field(metadata={"read": collected})
    k: int = 4
    by: By = "bm25"
    template: str | None = None
    between: str = "\n\n"
    cite: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise StudyError(f"retrieve: k must be at least 1; got {self.k}: leave the lever out for none")
        missing = [word for word in ("{passages}", "{input}") if word not in self.wording]
        if missing:
            raise StudyError(
                f"retrieve: the template must have a place for {missing[0]}; got {self.template!r}"
            )
        if self.documents.content is not None and self.by != "bm25":
            self._embedder()

    @property
    def wording(self) -> str:
        """How the question is put."""
        return self.template or (CITED if self.cite else PLAIN)

    def steps(self, request: Request) -> Steps:
        query, vector = asked_text(request), None
        if not query.strip():
            return Ask(self.inner, request)
        if self.by != "bm25":
            vectors = yield from act(EMBED, model=self._embedder(), texts=[query])
            vector = vectors[0] if vectors else None  # None in a forecast, which embeds nothing
        hits = yield from act(SEARCH, file=self.documents, query=query, k=self.k, by=self.by, vector=vector)
        if not hits:
            return Ask(self.inner, request)
        told = self.told(request, [hit["text"] for hit in hits])
        if not self.cite:
            return Ask(self.inner, told)
        answer = yield from ask(self.inner, told)
        return answer if request.response_format else sourced(answer, [hit["id"] for hit in hits])

    def told(self, request: Request, passages: Sequence[str]) -> Request:
        """The request with these passages put before its question."""
        if self.cite:
            passages = [f"[{number}] {text}" for number, text in enumerate(passages, start=1)]
        messages, at = list(request.messages), last_user(request.messages)
        assert at is not None, "what has a query has a user message"
        messages[at] = worded(messages[at], self.wording, passages=self.between.join(passages))
        return replace(request, messages=tuple(messages))

    def _embedder(self) -> str:
        embedder = index_of(self.documents).embedder
        if embedder is None:
            raise StudyError(
                f"retrieve: by: {self.by} needs vectors, and the index has none: make one with "
                "`underdog index DOCUMENTS --embedder MODEL --save FILE`, or say by: bm25"
            )
        return embedder


def sourced(answer: Answer, ids: Sequence[str]) -> Answer:
    """The answer with a list of the sources that its text cites, by number, if it cites any."""
    cited = {int(one) for group in _CITATION.findall(answer.text) for one in group.split(",")}
    known = [number for number in sorted(cited) if 1 <= number <= len(ids)]
    if not known:
        return answer
    sources = "\n".join(f"[{number}] {ids[number - 1]}" for number in known)
    return replace(answer, text=f"{answer.text}\n\n{sources}")
