"""From findings to levers: which are worth trying, in which order, and which are not and why.

First comes what everything else is measured through (labels, reading, form), then what the evidence says will
pay, the surest gain first and a larger model last, then what it leaves open, cheapest first, then what it
rules out. A lever's gain is the low end of an interval. Measures nothing and runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from underdog.studies.diagnosis.findings import LEVERS, Advice, Finding, Kind, Ruling
from underdog.studies.diagnosis.rules import MOSTLY, SEARCHABLE, Sheet, formless, spared
from underdog.studies.diagnosis.signals.asking import PROTOCOLS, SHOTS, STEPS
from underdog.studies.diagnosis.signals.deferral import SIGNS
from underdog.studies.diagnosis.signals.retrieving import BY_READER, BY_SEARCH, RECALL, fault
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.words import Told, enough, gain, percent, share, told

__all__ = ["advised"]

FIRST = ("better labels", "read", "constrain")
"""What everything else is measured through."""
LAST = ("larger model",)
"""What the other levers are there to spare."""
VERIFIED = 0.5
"""The part of the coverage's headroom that is counted on: no verifier is perfect."""
MIXED = 0.1
"""Preference pairs come from examples with right and wrong draws; below this share they are too few."""

MOST_HANDED = 0.9
"""A cascade that hands over more is the large model with a detour."""

_NEEDS = {
    "net lenient gain": "lenient reading",
    "vote gain": "draws",
    "search headroom": "draws",
    "slope by size": "sizes",
}
"""The columns that signals are made of, as `Evidence.missing` names them."""


@dataclass(frozen=True)
class Case:
    """One lever's case: what is told about it, why, and the gain that is sure."""

    told: Told
    why: str
    gain: float = 0.0


class Brief:
    """The sheet and the findings, as the levers' cases ask for them."""

    def __init__(self, sheet: Sheet, findings: Sequence[Finding]) -> None:
        self.sheet, self.small, self.large = sheet, sheet.small, sheet.large
        self._rulings = {(one.kind, one.model): one.ruling for one in findings}

    def ruling(self, kind: Kind, model: str | None = None) -> Ruling:
        """What was found about a model (small, unless named), or about all of them together."""
        about = self._rulings.get((kind, model or self.small))
        return about or self._rulings.get((kind, None), Ruling.NOT_MEASURED)

    def holds(self, kind: Kind, model: str | None = None) -> bool:
        return self.ruling(kind, model) is Ruling.HOLDS

    def signal(self, name: str) -> Signal | None:
        """A signal of small, or of all together."""
        return self.sheet.get(name, self.small) or self.sheet.get(name)

    def weighed(self, name: str, level: float, words: tuple[str, str]) -> Case:
        """The case of a lever that rests on one gain: words for and against, with the gain put into them."""
        signal = self.signal(name)
        if signal is None:
            return Case(None, self.unmeasured(_NEEDS.get(name, name)))
        side, number = told(signal.interval, level), gain(signal.interval)
        if side is None:
            return Case(None, f"cannot be told yet: {number}{self.more(signal, level)}")
        low = signal.interval.low or 0.0
        return Case(side, words[0 if side else 1].format(number), low if side else 0.0)

    def more(self, signal: Signal, level: float) -> str:
        """How many examples would tell."""
        n = enough(signal.interval, level)
        return (
            f" on {signal.n:,} examples, where about {n:,} would tell" if n else f" on {signal.n:,} examples"
        )

    def unmeasured(self, what: str) -> str:
        """Why small has no such column, where the evidence says why."""
        why = self.sheet.missing.get(f"{what} of {self.small}")
        return f"not measured: {why}" if why else "not measured"


def advised(sheet: Sheet, findings: Sequence[Finding]) -> list[Advice]:
    """Every lever of `LEVERS`, in the order in which to try them."""
    brief = Brief(sheet, findings)
    cases = {lever: CASES[lever](brief) for lever in LEVERS}
    ranks = list(LEVERS)

    def place(lever: str) -> tuple[int, float, int]:
        case = cases[lever]
        if case.told is True:
            return (0 if lever in FIRST else 2 if lever in LAST else 1, -case.gain, ranks.index(lever))
        return (3 if case.told is None else 4, 0.0, ranks.index(lever))

    ordered = sorted(LEVERS, key=place)
    return [
        Advice(lever, cases[lever].told is not False, cases[lever].why, cases[lever].told is not None)
        for lever in ordered
    ]


def read(brief: Brief) -> Case:
    """Read what is there: rests on the net gain of lenient reading."""
    words = (
        "the right answer is often there where the task does not look for it: reading leniently brings {}",
        "its answers are read as they are: lenient reading brings {}",
    )
    case = brief.weighed("net lenient gain", brief.sheet.margin, words)
    if brief.holds(Kind.FORMAT) or not brief.holds(Kind.FORMAT, brief.large):
        return case
    return Case(
        case.told, f"{case.why}; {brief.large} itself loses to form: read it leniently too", case.gain
    )


def constrain(brief: Brief) -> Case:
    """Force the form: rests on the answers in which nothing can be read."""
    nothing, cut = brief.signal("no answer"), brief.signal("cut off")
    if nothing is None:
        return Case(None, "not measured")
    potential = formless(brief.sheet, brief.small)
    number = f"{share(nothing.interval)} of its answers hold none that the task can read"
    if cut is not None and brief.sheet.told(cut, brief.sheet.margin) is True:
        number += f"; {share(cut.interval)} were cut off: raise max_tokens first"
    side = told(potential, brief.sheet.margin)
    if side is True or brief.sheet.told(nothing, MOSTLY) is True:
        return Case(True, number, potential.low or 0.0)
    return Case(side, number if side is False else number + brief.more(nothing, brief.sheet.margin))


def prompt(brief: Brief) -> Case:
    """Ask in another way: rests on demonstrations and written steps, form included."""
    cases = [
        brief.weighed(name, brief.sheet.margin, (words + " {}", words + " only {}"))
        for name, words in ((SHOTS, "demonstrations bring"), (STEPS, "written steps bring"))
        if brief.signal(name) is not None
    ]
    if not cases:
        form = "; it is bound by form, which demonstrations show" if brief.holds(Kind.FORMAT) else ""
        return Case(None, brief.unmeasured(SHOTS) + form)
    best = max(cases, key=lambda case: (case.told is True, case.told is None, case.gain))
    return Case(best.told, "; ".join(case.why for case in cases), best.gain)


def vote(brief: Brief) -> Case:
    """Take the plurality: rests on what the plurality of the draws scored."""
    words = (
        "the plurality of its draws brings {}",
        "the plurality of its draws brings only {}",
    )
    return brief.weighed("vote gain", brief.sheet.margin, words)


def best_of(brief: Brief) -> Case:
    """Choose among draws: rests on their coverage, of which a verifier gets a part."""
    words = (
        "its draws hold right answers that its first one lacks, {} with a perfect verifier",
        "even a perfect verifier would find only {} among its draws",
    )
    case = brief.weighed("search headroom", SEARCHABLE, words)
    return Case(case.told, case.why, VERIFIED * case.gain)


def retrieve(brief: Brief) -> Case:
    """Put passages into the prompt: rests on the right passage, and on a wrong one."""
    words = (
        "the right passage in the prompt brings {}",
        "even the right passage brings only {}: what it lacks does not stand in documents",
    )
    case = brief.weighed("gold passage", brief.sheet.margin, words)
    if case.told is not True:
        return case
    ruling = brief.ruling(Kind.KNOWLEDGE)
    if ruling is Ruling.DOES_NOT_HOLD:
        return Case(
            False, "a wrong passage helps it as much as the right one: it is not the knowledge that helps"
        )
    if ruling is Ruling.CANNOT_TELL:
        return Case(None, f"{case.why}; whether a wrong one would do as well cannot be told yet")
    return Case(True, case.why + _break_even(brief) + _at_fault(brief), case.gain)


def _break_even(brief: Brief) -> str:
    """How often the right passage must be found for the lever to pay, where a wrong one does harm."""
    gold, wrong = brief.signal("gold passage"), brief.signal("wrong passage")
    if gold is None or wrong is None or wrong.interval.estimate is None or gold.interval.estimate is None:
        return ""
    harm = -wrong.interval.estimate
    if harm <= 0:
        return ", and a wrong one does no harm"
    rate = harm / (harm + gold.interval.estimate)
    often = percent(rate, 0)
    return f"; a wrong one brings {gain(wrong.interval)}, so it pays when more than {often} are found"


def _at_fault(brief: Brief) -> str:
    """Of the study's own retriever: how often it finds the right passage, and who loses what is lost."""
    recall, search, reader = (brief.signal(name) for name in (RECALL, BY_SEARCH, BY_READER))
    if recall is None or search is None or reader is None:
        return ""
    return (
        f"; the study's own finds it on {share(recall.interval)}: {fault(search.interval, reader.interval)}"
    )


def lora(brief: Brief) -> Case:
    """Train on examples: rests on form, manner and labels being what is missing."""
    labels = brief.signal("labels of the demonstrations")
    if brief.holds(Kind.NO_GAP):
        return Case(False, f"{brief.small} is within the margin of {brief.large} as it is")
    reasons = {Kind.FORMAT: "its answers' form", Kind.PROTOCOL: "the way of working that this task wants"}
    missing = [words for kind, words in reasons.items() if brief.holds(kind)]
    if labels is not None and told(labels.interval, brief.sheet.margin) is True:
        missing.append("what the labels mean (right ones in its demonstrations help, shuffled ones less)")
    if missing:
        strength = max((_strength(brief, kind) for kind in reasons), default=0.0)
        return Case(
            True, f"what it lacks is what a few hundred examples teach: {' and '.join(missing)}", strength
        )
    ruled_out = all(brief.ruling(kind) is Ruling.DOES_NOT_HOLD for kind in reasons)
    if ruled_out and brief.holds(Kind.KNOWLEDGE):
        return Case(None, "what is missing is knowledge: training helps as far as its examples hold it")
    return Case(None, "no probe speaks for it or against it: what training adds only training shows")


def dpo(brief: Brief) -> Case:
    """Train on preferences: rests on examples with both right and wrong draws."""
    mixed = brief.signal("examples with right and wrong draws")
    if brief.holds(Kind.NO_GAP):
        return Case(False, f"{brief.small} is within the margin of {brief.large} as it is")
    if mixed is None:
        return Case(None, brief.unmeasured("draws"))
    side, words = told(mixed.interval, MIXED), share(mixed.interval)
    if side is False:
        return Case(
            False,
            f"its draws are both right and wrong on only {words} of the examples: no pairs to prefer in",
        )
    if side is True and (brief.holds(Kind.SEARCH) or brief.holds(Kind.FORMAT)):
        why = (
            f"its draws are both right and wrong on {words} of the examples: pairs for what it can already do"
        )
        return Case(True, why, VERIFIED * VERIFIED * _strength(brief, Kind.SEARCH))
    return Case(None, f"its draws are both right and wrong on {words} of the examples")


def panel(brief: Brief) -> Case:
    """Ask several models: rests on what their plurality scored."""
    words = (
        "the plurality of the smaller models brings {} to the best of them",
        "the plurality of the smaller models brings the best of them only {}",
    )
    if brief.signal("panel gain") is None:
        return Case(None, "not measured: it takes three models smaller than the large one")
    return brief.weighed("panel gain", brief.sheet.margin, words)


def cascade(brief: Brief) -> Case:
    """Hand over in doubt: rests on what doubts know, and on what that spares."""
    doubts = [one for sign in SIGNS if (one := brief.signal(f"doubt by {sign}")) is not None]
    if not doubts:
        return Case(None, brief.unmeasured("draws"))
    if brief.holds(Kind.NO_GAP):
        return Case(
            False, f"{brief.small} is within the margin of {brief.large}: nothing is to be handed over for"
        )
    best = max(doubts, key=lambda one: one.interval.low or -1.0)
    by = best.name.removeprefix("doubt ")
    number = f"handing over in doubt, {by}, brings {gain(best.interval)} over chance"
    ruling = brief.ruling(Kind.DEFERRAL)
    if ruling is Ruling.CANNOT_TELL:
        return Case(None, f"cannot be told yet: {number}{brief.more(best, spared(brief.sheet))}")
    if ruling is not Ruling.HOLDS:
        return Case(False, f"its doubts do not tell where {brief.large} is better: {number}")
    bills = [one for one in (bill(brief, doubt.name.removeprefix("doubt ")) for doubt in doubts) if one.told]
    if bills:
        return Case(True, f"{number}; {bills[0].why}", best.interval.low or 0.0)
    case = bill(brief, by)
    return replace(case, why=f"{number}; but {case.why}")


def bill(brief: Brief, by: str) -> Case:
    """Whether the cascade by this sign that stays within half a margin spares calls and, if known, money."""
    handed, cost = brief.signal(f"handed over {by}"), brief.signal(f"cost {by}")
    loss = brief.signal(f"cascade against large {by}")
    if handed is None or loss is None:
        return Case(None, "what it would hand over is not known")
    spares, dear = told(handed.interval, MOST_HANDED), None if cost is None else told(cost.interval, 1.0)
    why = f"{share(handed.interval)} handed over, {gain(loss.interval)} against {brief.large}"
    if cost is not None:
        why += f", at {share(cost.interval)} of its cost"
    if spares is False and (cost is None or dear is False):
        return Case(True, why)
    return Case(False if spares is True or dear is True else None, why)


def route(brief: Brief) -> Case:
    """Choose the model by the request: rests on routers scored where they did not learn."""
    ruling = brief.ruling(Kind.MIXTURE)
    found = [s for by in ("request", "category") if (s := brief.signal(f"routed by {by}")) is not None]
    if not found:
        return Case(None, "not measured: it takes two models and some dozens of examples")
    best = max(found, key=lambda one: one.interval.low or -1.0)
    number = f"{gain(best.interval)} over the best single model, {best.name}"
    if best.name == "routed by category":
        number += " (if that is known when a request comes)"
    if ruling is Ruling.HOLDS:
        return Case(
            True, f"the models win on different requests: {number}", max(best.interval.low or 0.0, 0.0)
        )
    if ruling is Ruling.DOES_NOT_HOLD:
        return Case(
            False, f"do not route: {number}; what an oracle has above that is luck or cannot be foreseen"
        )
    return Case(None, f"cannot be told yet: {number}{brief.more(best, brief.sheet.margin)}")


def solver(brief: Brief) -> Case:
    """Formulate and solve: rests on a ceiling that neither size nor draws lift."""
    ruling = brief.ruling(Kind.CEILING)
    if ruling is Ruling.HOLDS and not brief.holds(Kind.SEARCH):
        return Case(True, "size does not move it: let a model write the problem down and a solver answer it")
    if ruling is Ruling.DOES_NOT_HOLD:
        return Case(False, "there is no ceiling that size leaves standing")
    if ruling is Ruling.HOLDS:
        return Case(None, "size does not move it, but its draws hold more right answers: a verifier may do")
    return Case(None, "whether size moves it is not known: it takes models over a factor of four in size")


def larger(brief: Brief) -> Case:
    """Take a larger model: rests on the slope of the score by size."""
    if brief.holds(Kind.CEILING):
        return Case(False, "size does not move it")
    words = ("every doubling of size (or price) brings {}", "a doubling of size (or price) brings only {}")
    case = brief.weighed("slope by size", brief.sheet.margin / 2, words)
    if brief.signal("slope by size") is None:
        case = Case(None, "not measured: the sizes of the models are not known")
    if case.told is None and brief.holds(Kind.NO_GAP):
        return Case(False, f"{brief.large} is no better than {brief.small} by the margin")
    return case


def labels(brief: Brief) -> Case:
    """Look at the gold answers: rests on strong models that contradict them alike."""
    ruling = brief.ruling(Kind.LABELS)
    suspect = brief.signal("suspect labels")
    number = f"gold is in doubt on {share(suspect.interval)} of the examples" if suspect is not None else ""
    if ruling is Ruling.HOLDS:
        return Case(True, number or "some inputs have two targets")
    if ruling is Ruling.DOES_NOT_HOLD:
        return Case(False, f"gold stands{': ' + number if number else ''}")
    if ruling is Ruling.CANNOT_TELL:
        return Case(None, f"cannot be told yet: {number or 'some inputs have two targets'}")
    return Case(None, "not measured: it takes three strong models")


def _strength(brief: Brief, kind: Kind) -> float:
    names = {
        Kind.FORMAT: ("net lenient gain",),
        Kind.PROTOCOL: (*PROTOCOLS, *(f"{name} beyond form" for name in PROTOCOLS)),
        Kind.SEARCH: ("search headroom", "vote gain"),
    }
    lows = [s.interval.low for name in names[kind] if (s := brief.signal(name)) is not None]
    return max((low for low in lows if low is not None and low > 0), default=0.0)


CASES: Mapping[str, Callable[[Brief], Case]] = {
    "read": read,
    "constrain": constrain,
    "prompt": prompt,
    "vote": vote,
    "best-of with a verifier": best_of,
    "retrieve": retrieve,
    "LoRA": lora,
    "DPO": dpo,
    "panel": panel,
    "cascade": cascade,
    "route": route,
    "solver": solver,
    "larger model": larger,
    "better labels": labels,
}
