"""Does a diagnosis name the lever that a world was built around, before that lever is run?

`python -m underdog.tiny.diagnosed` diagnoses every world with the embedded models and prints one table of
hits and misses; `--into FILE` puts it between the marks of a page. What counts as a hit is written down in
BUILT, and no rule of the diagnosis knows of these worlds.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from underdog.answerer import Answerer, Ask, Request, Steps, ask
from underdog.example import Example
from underdog.levers.prompt import Prompt
from underdog.studies.diagnosis.alone import diagnosed_alone
from underdog.studies.diagnosis.findings import Diagnosis
from underdog.studies.diagnosis.stages import Effort, Wrap
from underdog.studies.session import Settings
from underdog.studies.spec import Spec, spec_from
from underdog.tiny import names, worlds
from underdog.tiny.world import said
from underdog.tiny.worlds import arithmetic, tally

BEGIN, END = "<!-- tiny worlds -->", "<!-- /tiny worlds -->"
MARGIN = 0.05
"""The margin of these worlds' study files."""


@dataclass(frozen=True)
class Built:
    """What a world was built around, in words and as the advice that would say so."""

    around: str
    levers: tuple[str, ...]
    others: tuple[str, ...] = ()
    """Embedded models beside small and large that take part."""


# The lever named first is the first that the evidence speaks for: what merely cannot be told names nothing.
BUILT: Mapping[str, Built] = {
    "arithmetic": Built("written steps", ("prompt",)),
    "choice": Built("a solver, or search with its check", ("solver", "best-of with a verifier")),
    "countdown": Built("search with a verifier", ("best-of with a verifier",)),
    "errands": Built(
        "routing to specialists", ("route",), ("specialist-order", "specialist-count", "specialist-spell")
    ),
    "intents": Built("fine-tuning or demonstrations", ("LoRA", "prompt")),
    "keywords": Built("verify and repair", ("best-of with a verifier",)),
    "passage": Built("finding the right sentence", ("retrieve",)),
    "recall": Built("retrieval", ("retrieve",)),
    "tally": Built("a written state", ("prompt",)),
    "tools": Built("form: reading, constraint, or learning it", ("read", "constrain", "prompt", "LoRA")),
}
"""Written before any of these diagnoses was run, and not changed after."""


@dataclass(frozen=True)
class Aloud:
    """A conversation asked again turn by turn: `inner` sees the earlier turns with what it said itself."""

    inner: Answerer

    def steps(self, request: Request) -> Steps:
        told = [said("system", tally.ALOUD[0])]
        *turns, last = (message for message in request.messages if message["role"] == "user")
        for turn in turns:
            answer = yield from ask(self.inner, replace(request, messages=(*told, turn)))
            told += [turn, said("assistant", answer.text)]
        return Ask(self.inner, replace(request, messages=(*told, last)))


STEPS: Mapping[str, Wrap] = {
    "arithmetic": lambda inner: Prompt(inner, system=arithmetic.STEPPED[0]),
    "tally": Aloud,
}
"""Steps are asked for in words of the training text, where it has any; else in those of every study."""


def noted(example: Example, passage: str) -> Example:
    """The question after a sentence, as the embedded models learned to read: in place of other sentences."""
    question = example.fields.get("question", example.messages[-1]["content"])
    return replace(
        example, messages=(said("system", "Read the notes."), said("user", f"{passage}\n{question}"))
    )


def study(world: str, n: int, seed: int) -> Spec:
    """A world as a study of small, large and the specialists that it was built with, as far as present."""
    present = [name for name in ("small", "large", *BUILT[world].others) if name in names()]
    body = {
        "name": f"tiny/{world}",
        "task": {"world": f"tiny/{world}", "n": n, "seed": seed},
        "models": {name: f"tiny/{name}" for name in present},
        "levers": {},
        "margin": MARGIN,
    }
    return spec_from(body, Path.cwd())


def diagnosis(world: str, n: int, seed: int, store: Path) -> Diagnosis:
    """The diagnosis of a world, with the effort that every study's has."""
    effort = replace(Effort(), give=noted)
    if world in STEPS:
        effort = replace(effort, steps=STEPS[world])
    found = asyncio.run(diagnosed_alone(study(world, n, seed), Settings(store=store), effort))
    assert found is not None, "nobody was asked for consent"
    return found.diagnosis


def row(world: str, found: Diagnosis) -> list[str]:
    """World, what it was built around, what was named first and whether that is it, its place, what holds."""
    built = BUILT[world]
    told = [advice.lever for advice in found.order if advice.worth_trying and advice.certain]
    open_ = [advice.lever for advice in found.order if advice.worth_trying and not advice.certain]
    first = told[0] if told else "nothing"
    if places := [place for place, lever in enumerate(told, start=1) if lever in built.levers]:
        where = f"{places[0]} of {len(told)}"
    else:
        where = "cannot tell" if set(open_) & set(built.levers) else "not worth trying"
    return [
        world,
        built.around,
        ", ".join(built.levers),
        first,
        "hit" if first in built.levers else "miss",
        where,
        ", ".join(found.held()) or "nothing",
    ]


def table(rows: Sequence[Sequence[str]], n: int, seed: int) -> str:
    """The table as Markdown, with how it was made and how many were hit."""
    hits = sum(one[4] == "hit" for one in rows)
    head = (
        "world",
        "built around",
        "a hit names",
        "named first",
        "",
        "its place",
        "what holds, strongest first",
    )
    lines = [
        f"Made by `python -m underdog.tiny.diagnosed`: {n:,} examples a world (seed {seed}), of which "
        f"{Effort().examples} of tune are diagnosed, half of them sampled and probed, at a margin of "
        f"{100 * MARGIN:g} points. {worlds.CAUTION.capitalize()}.",
        "",
        *(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)),
        "",
        f"{hits} of {len(rows)} worlds: the lever named first is one that the world was built around.",
    ]
    return "\n".join(lines) + "\n"


def put(text: str, page: Path) -> None:
    """Put the table between the marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"page must hold {BEGIN} and {END}. Got {page} without them.")
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


def main() -> None:
    """Diagnose the worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="*", help=f"of {', '.join(BUILT)}; all by default")
    parser.add_argument("--n", type=int, default=1200, help="examples a world, over all splits")
    parser.add_argument("--seed", type=int, default=2, help="seed of the examples")
    parser.add_argument("--store", type=Path, default=Path(".underdog/tiny.db"), help="where calls are kept")
    parser.add_argument("--into", type=Path, help="a page to put the table into, between its marks")
    given = parser.parse_args()
    given.store.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for world in given.worlds or BUILT:
        found = diagnosis(world, given.n, given.seed, given.store)
        rows.append(row(world, found))
        print(f"\n{world}", *(f"  {one.sentence}" for one in found.bounds), sep="\n")
        print(*(f"  {one.lever}: {one.why}" for one in found.order if one.worth_trying), sep="\n", flush=True)
    made = table(rows, given.n, given.seed)
    print(f"\n{made}")
    if given.into is not None:
        put(made, given.into)


if __name__ == "__main__":
    main()
