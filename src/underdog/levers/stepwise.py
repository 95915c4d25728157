"""Search over steps: paths grow side by side, and a process verifier says which of them go on. No lever.

Beam, Dvts and Lookahead are this search with other settings. It needs an engine that goes on from a partial
answer and keeps the text that ended a step: the local ones, vLLM, SGLang and a gateway of ours.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from statistics import fmean
from typing import Any, Literal

from underdog.answerer import Answer, Answerer, Ask, Failure, Request, Steps, ask_all
from underdog.constraint import constrained
from underdog.errors import AskFailed, StudyError
from underdog.levers.best_of import Verdicts, chosen, verified
from underdog.levers.candidate import continued
from underdog.levers.read import reading_of

KEEP_STOP = {"include_stop_str_in_output": True}
"""How vLLM, and the local engine after it, are told to leave the stop string at the end of the text."""


_NOTHING = Answer("")


@dataclass(frozen=True)
class Path:
    """The text of some steps, the verdict after each (None where there was none), and the last step's answer.

    `draws` is how many draws of one round wrote the same, `open` whether another step may follow.
    """

    text: str = ""
    verdicts: tuple[float | None, ...] = ()
    last: Answer = _NOTHING
    tokens: int = 0
    draws: int = 1
    open: bool = True


@dataclass
class Tree:
    """Paths that compete for `places`, best first; those that ended keep theirs."""

    places: int
    running: list[Path] = field(default_factory=lambda: [Path()])
    ended: list[Path] = field(default_factory=list)

    def draws(self, width: int) -> list[Path]:
        """The paths that go on, each as often as it is drawn from; none when the tree is grown."""
        free = self.places - sum(path.draws for path in self.ended)
        kept = self.running[: max(1, free // width)]
        return [kept[place * len(kept) // free] for place in range(free)] if kept else []


@dataclass(frozen=True)
class Stepwise:
    """What the levers over steps share; each says what is its own.

    `n` paths at most, of which `1/width` go on after each step and are drawn from `width` times, for at most
    `rounds` steps. A step ends at a `delimiter`, which stays in the text; the request's `max_tokens` bound
    the whole answer. Equal steps are one path. `verifier` is shown every path as it stands; one that it says
    nothing of (it fails, or its verdict is no number in [0, 1]) ranks last. `score` pools the verdicts of a
    path's steps; `by` is BestOf's choice, made at the end among the paths that ended.

    Raises:
        StudyError: a setting is out of range.
    """

    inner: Answerer
    verifier: Answerer
    n: int = 16
    width: int = 4
    rounds: int = 40
    delimiter: str | tuple[str, ...] = "\n"
    temperature: float | None = 0.8
    score: Literal["last", "min", "mean"] = "last"
    by: Literal["max", "sum"] = "sum"

    def __post_init__(self) -> None:
        name = type(self).__name__.lower()
        if not 1 <= self.width <= self.n:
            raise StudyError(f"{name}: width must lie in 1 to n; got width {self.width}, n {self.n}")
        if self.rounds < 1 or not all(self._ends) or not self._ends:
            raise StudyError(
                f"{name}: there must be a round and a delimiter; got rounds {self.rounds}, "
                f"delimiter {self.delimiter!r}"
            )

    @property
    def _ends(self) -> tuple[str, ...]:
        """The texts that end a step."""
        return (self.delimiter,) if isinstance(self.delimiter, str) else self.delimiter

    def search(self, request: Request, trees: int = 1, ahead: int = 0) -> Steps:
        """Grow `trees` of n / trees places each; the verifier sees paths as they are `ahead` steps later."""
        if constrained(request):
            raise AskFailed(_FORMED)
        sampled = request if self.temperature is None else request.sampled(temperature=self.temperature)
        forest = [Tree(self.n // trees) for _ in range(trees)]
        known: Verdicts = {}
        lost: list[Failure] = []
        for _ in range(self.rounds):
            drawn = [tree.draws(self.width) for tree in forest]
            asks = [
                self._next(sampled.drawn(number).drawn(place), path)
                for number, paths in enumerate(drawn)
                for place, path in enumerate(paths)
            ]
            if not asks:
                break
            results = iter((yield from ask_all(asks)))
            stepped = [[(path, next(results)) for path in paths] for paths in drawn]
            lost += [result for pairs in stepped for _, result in pairs if isinstance(result, Failure)]
            fresh = [_distinct(self._after(request, pairs)) for pairs in stepped]
            judged = iter((yield from self._judged(request, list(chain(*fresh)), ahead, known)))
            for tree, pairs, paths in zip(forest, stepped, fresh, strict=True):
                self._grow(tree, [next(judged) for _ in paths], failed=bool(pairs))
        return self._best(request, forest, lost)

    def _next(self, request: Request, path: Path) -> Ask:
        """The ask for a path's next step."""
        left = max(1, request.sampling.max_tokens - path.tokens)
        step = continued(
            request.sampled(stop=(*request.sampling.stop, *self._ends), max_tokens=left), path.text
        )
        return Ask(self.inner, replace(step, extra={**step.extra, **KEEP_STOP}))

    def _after(self, request: Request, pairs: Iterable[tuple[Path, Answer | Failure]]) -> list[Path]:
        """The paths a step later; draws that failed are none."""
        return [self._step(path, said, request) for path, said in pairs if isinstance(said, Answer)]

    def _step(self, path: Path, said: Answer, request: Request) -> Path:
        """A path with one more step. It goes on where the step ended at the delimiter."""
        tokens = path.tokens + said.spend.tokens_out
        written = said.text
        stop = next((stop for stop in request.sampling.stop if stop and written.endswith(stop)), "")
        on = not stop and written.endswith(self._ends) and tokens < request.sampling.max_tokens
        text = path.text + written.removesuffix(stop)
        return replace(path, text=text, last=said, tokens=tokens, open=on and said.finish != "length")

    def _later(self, path: Path, said: Answer | Failure | None, request: Request) -> Path:
        """A path one greedy step later; as it is where it has ended or the step failed."""
        return self._step(path, said, request) if path.open and isinstance(said, Answer) else path

    def _grow(self, tree: Tree, paths: Sequence[Path], failed: bool) -> None:
        """Put a round's paths into their tree. One whose every draw failed keeps what it has and stops."""
        if paths:
            tree.ended += [path for path in paths if not path.open]
            tree.running = sorted((path for path in paths if path.open), key=self._rank)
        elif failed:
            tree.places = 0

    def _judged(
        self, request: Request, paths: Sequence[Path], ahead: int, known: Verdicts
    ) -> Generator[Any, Any, list[Path]]:
        """The paths with their newest verdict; it is of what they come to, but nothing of that is kept."""
        later = list(paths)
        for _ in range(ahead):
            asks = {
                path.text: self._next(request.sampled(temperature=0.0), path) for path in later if path.open
            }
            if not asks:
                break
            results = yield from ask_all(list(asks.values()))
            said = dict(zip(asks, results, strict=True))
            later = [self._later(path, said.get(path.text), request) for path in later]
        shown = [replace(path.last, text=path.text) for path in later]
        verdicts = yield from verified(self.verifier, request, shown, known)
        return [
            replace(path, verdicts=(*path.verdicts, verdict))
            for path, verdict in zip(paths, verdicts, strict=True)
        ]

    def _rank(self, path: Path) -> float:
        """Best first: paths whose newest verdict is missing come last."""
        value = self._pooled(path)
        return 1.0 if value is None else -value

    def _pooled(self, path: Path) -> float | None:
        """One verdict for a path, out of those of its steps; None where the newest is missing."""
        told = [verdict for verdict in path.verdicts if verdict is not None]
        if not told or path.verdicts[-1] is None:
            return None
        return {"last": told[-1], "min": min(told), "mean": fmean(told)}[self.score]

    def _best(self, request: Request, forest: Sequence[Tree], lost: Sequence[Failure]) -> Answer:
        """The best path that ended, or where none did the best of those that were under way."""
        ended = [path for tree in forest for path in tree.ended]
        paths = ended or [path for tree in forest for path in tree.running if path.verdicts]
        if not paths:
            raise AskFailed(lost[0])
        pairs = [
            (self._whole(request, path), self._pooled(path)) for path in paths for _ in range(path.draws)
        ]
        read = [pair for pair in pairs if pair[0].final is not None] or pairs
        return chosen([answer for answer, _ in pairs], [verdict for _, verdict in read], self.by)

    def _whole(self, request: Request, path: Path) -> Answer:
        """A path as one answer, read as a whole."""
        finish = "length" if path.open else path.last.finish
        answer = replace(path.last, text=path.text, finish=finish, logprobs=None)
        reader = reading_of(self.inner)
        return answer if reader is None else reader.annotate(answer, request)


_FORMED = Failure(
    "bad_request",
    "steps cannot be searched under a form for the whole answer: ask without a response format, or put a "
    "Constrain inside that holds each step to a form",
)


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """Equal paths as one, which knows how many they were."""
    found: dict[tuple[str, bool], Path] = {}
    for path in paths:
        same = found.get((path.text, path.open))
        found[path.text, path.open] = replace(same, draws=same.draws + 1) if same else replace(path, draws=1)
    return list(found.values())
