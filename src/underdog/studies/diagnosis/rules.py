"""From signals to findings: what each kind needs to hold, and what rules it out. Measures nothing.

Every rule looks at ends of intervals, never at point estimates: a kind holds when its whole interval lies
above the level, does not when the whole interval lies below, and cannot be told otherwise. The level is the
study's margin wherever a gain is weighed: the smallest difference that the user said matters. The rules are
the same for every model, the large one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from underdog.statistics import Interval
from underdog.statistics.intervals import undefined
from underdog.studies.diagnosis.findings import Finding, Kind, Ruling
from underdog.studies.diagnosis.signals.asking import PROTOCOLS
from underdog.studies.diagnosis.signals.deferral import SIGNS
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.size import doublings
from underdog.studies.diagnosis.signals.table import CONFIDENCE
from underdog.studies.diagnosis.words import Told, enough, told

MOSTLY = 0.5
"""Where more answers than this hold none, form comes first, whatever they might be worth."""
SEARCHABLE = 0.05
"""Coverage is a ceiling that only a perfect verifier reaches, so it must lie this far above one answer."""
SPARED = 0.1
"""A cascade that spares fewer of the large model's calls than this share is hardly worth a second model."""
SOLVED = 0.9
"""Above this score there is no ceiling to speak of: little is left to move."""
FEWEST_DOUBLINGS = 2.0
"""A size curve over less than a factor of four says little about size."""


@dataclass(frozen=True)
class Sheet:
    """The signals by name and model, and what the rules weigh them by."""

    signals: Sequence[Signal]
    small: str
    large: str
    models: Sequence[str]
    margin: float
    missing: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, model: str | None = None) -> Signal | None:
        """A signal that was measured and is defined."""
        for one in self.signals:
            if one.name == name and one.model == model:
                return one if one.interval.defined else None
        return None

    def told(self, signal: Signal | None, level: float) -> Told:
        return None if signal is None else told(signal.interval, level)


def ruled(sheet: Sheet) -> Iterator[Finding]:
    """The findings: of every model, of the small one, and of all together."""
    for model in sheet.models:
        yield format_bound(sheet, model)
    for model in sheet.models:
        for rule in (protocol_bound, knowledge_bound, search_bound):
            finding = rule(sheet, model)
            if model in (sheet.small, sheet.large) or finding.ruling is not Ruling.NOT_MEASURED:
                yield finding
    yield no_gap(sheet)
    yield deferral(sheet)
    yield pool_search(sheet)
    yield mixture_bound(sheet)
    yield ceiling(sheet)
    yield label_bound(sheet)


def format_bound(sheet: Sheet, model: str) -> Finding:
    """Its answers are better than they are read: by lenient reading, or since many hold no answer at all."""
    net, nothing = sheet.get("net lenient gain", model), sheet.get("no answer", model)
    potential, cut = formless(sheet, model), sheet.get("cut off", model)
    mostly = sheet.told(nothing, MOSTLY) is True
    weighed = [one for one in (net.interval if net else None, potential) if one is not None and one.defined]
    sides = [True] if mostly else [told(one, sheet.margin) for one in weighed]
    shown = [net, nothing, sheet.get("losses without an answer", model)]
    shown += [cut] if sheet.told(cut, sheet.margin) is True else []
    held = f"{model} loses to form what it would get right."
    if mostly and True not in [told(one, sheet.margin) for one in weighed]:
        held = f"Most answers of {model} hold nothing that can be read: no lever is seen through that."
    against = f"Form costs {model} less than the margin of {_points(sheet.margin)}."
    strength = max((one.low for one in weighed if one.low is not None), default=0.0)
    more = needed([(one, sheet.margin) for one in weighed])
    parts = [one for one in shown if one is not None]
    return _finding((Kind.FORMAT, model), sides, (held, against), parts, (strength, more))


def formless(sheet: Sheet, model: str) -> Interval:
    """What answers without a final would score, were they like those that were read; the ends multiplied.

    Undefined where nothing could be read at all.
    """
    nothing, read = sheet.get("no answer", model), sheet.get("score where read", model)
    if nothing is None or read is None:
        return undefined("no answer could be read", 0, CONFIDENCE)
    a, b = nothing.interval, read.interval
    return replace(
        a,
        estimate=_times(a.estimate, b.estimate),
        low=_times(a.low, b.low),
        high=_times(a.high, b.high),
    )


def _times(share: float | None, score: float | None) -> float | None:
    return None if share is None or score is None else share * score


def protocol_bound(sheet: Sheet, model: str) -> Finding:
    """It can do more when it is shown how: demonstrations, or written steps. Form alone does not count."""
    found = [sheet.get(f"{name} beyond form", model) or sheet.get(name, model) for name in PROTOCOLS]
    parts = [one for one in found if one is not None]
    extra = sheet.get("labels of the demonstrations", model)
    words = (
        f"{model} does better when it is asked in another way.",
        f"No other way of asking that was tried helps {model} by the margin.",
    )
    shown = [*parts, extra] if extra is not None else parts
    return _any((Kind.PROTOCOL, model), sheet.margin, parts, words, shown)


def knowledge_bound(sheet: Sheet, model: str) -> Finding:
    """With the right passage before it, it answers: what is missing stands in documents."""
    gold, wrong = sheet.get("gold passage", model), sheet.get("passage against a wrong one", model)
    parts = [one for one in (gold, wrong) if one is not None]
    sides = [sheet.told(one, sheet.margin) for one in parts] if gold is not None else []
    both: list[Told] = []
    if sides:
        both = [True if all(sides) else False if False in sides else None]
    words = (
        f"{model} lacks what the passages hold.",
        f"The right passage does not help {model} by the margin: what it lacks does not stand there.",
    )
    strength = min((low for one in parts if (low := _low(one)) is not None), default=0.0)
    more = needed([(one.interval, sheet.margin) for one in parts], every=True)
    return _finding((Kind.KNOWLEDGE, model), both, words, parts, (strength, more))


def search_bound(sheet: Sheet, model: str) -> Finding:
    """The right answer is among its draws: a vote or a verifier would find it."""
    head, vote = sheet.get("search headroom", model), sheet.get("vote gain", model)
    parts = [one for one in (vote, head) if one is not None]
    sides = [sheet.told(vote, sheet.margin), sheet.told(head, SEARCHABLE)] if head is not None else []
    words = (
        f"{model}'s draws hold more right answers than its first one.",
        f"Drawing again finds {model} little that its first answer does not have.",
    )
    strength = max((low for low in (_low(head), _low(vote)) if low is not None), default=0.0)
    weighed = [(one.interval, SEARCHABLE if one is head else sheet.margin) for one in parts]
    return _finding((Kind.SEARCH, model), sides, words, parts, (strength, needed(weighed)))


def pool_search(sheet: Sheet) -> Finding:
    """Several models find together what none of them finds alone."""
    found = sheet.get("panel gain")
    words = (
        "The smaller models are right together more often than the best of them is alone.",
        "A vote of the smaller models does not beat the best of them by the margin.",
    )
    return _any((Kind.SEARCH, None), sheet.margin, [found] if found is not None else [], words)


def no_gap(sheet: Sheet) -> Finding:
    """With form out of the way, small is within the margin of large."""
    gap, strict = sheet.get("gap", sheet.small), sheet.get("gap as asked", sheet.small)
    parts = [one for one in (gap, strict) if one is not None]
    lead = sheet.told(strict, 0.0)
    turned = lead is not None and sheet.told(gap, 0.0) is (not lead)
    warning = " The two readings disagree on who leads: the strict lead is form." if turned else ""
    words = (
        f"{sheet.small} is already within the margin of {sheet.large}.{warning}",
        f"{sheet.small} falls short of {sheet.large} by more than the margin.{warning}",
    )
    return _any((Kind.NO_GAP, sheet.small), -sheet.margin, parts[:1], words, parts)


def deferral(sheet: Sheet) -> Finding:
    """Some sign of sureness knows where the large model is better. Whether it pays is another question."""
    small = sheet.small
    doubts = [one for sign in SIGNS if (one := sheet.get(f"doubt by {sign}", small)) is not None]
    names = ("large where unsure", "handed over", "cascade against large", "cost")
    more = (sheet.get(f"{name} by {sign}", small) for sign in SIGNS for name in names)
    shown = [*doubts, *(one for one in more if one is not None)]
    words = (
        f"Where {small} is unsure {sheet.large} does better, and {small} knows where.",
        f"Handing over where {small} is unsure is no better than handing over at random.",
    )
    if doubts and sheet.told(sheet.get("gap", small), -sheet.margin) is True:
        words = ("", f"{small} is within the margin of {sheet.large}: there is nothing to hand over for.")
        return _finding((Kind.DEFERRAL, small), [False], words, shown, (0.0, None))
    return _any((Kind.DEFERRAL, small), spared(sheet), doubts, words, shown)


def spared(sheet: Sheet) -> float:
    """The gain over handing over at random that spares `SPARED` of the large model's calls.

    Random handing over scores as much as a gain of g more by asking g / gap more often.
    """
    gap = sheet.get("gap", sheet.small)
    return SPARED * max(0.0, -(gap.interval.estimate or 0.0)) if gap is not None else 0.0


def mixture_bound(sheet: Sheet) -> Finding:
    """Which model is best can be told from the request."""
    routed = [sheet.get(f"routed by {by}") for by in ("request", "category")]
    parts = [one for one in routed if one is not None]
    controls = (
        "oracle headroom",
        "oracle over the static mix",
        "repeatable headroom",
        "headroom of re-drawing",
    )
    shown = [*parts, *(one for name in controls if (one := sheet.get(name)) is not None)]
    words = (
        "Different models are best on requests that can be told apart.",
        "Which model is best cannot be told from the request: what an oracle has, no router can take.",
    )
    if sheet.told(sheet.get("oracle headroom"), sheet.margin) is False:
        return _finding((Kind.MIXTURE, None), [False], words, shown, (0.0, None))
    return _any((Kind.MIXTURE, None), sheet.margin, parts, words, shown)


def ceiling(sheet: Sheet) -> Finding:
    """Size does not move the score, and it is far from perfect."""
    slope, best = sheet.get("slope by size"), sheet.get("best score")
    flat = sheet.margin / 2
    parts = [one for one in (slope, best) if one is not None]
    words = (
        "Size does not move it: a doubling buys less than half a margin, and the best is far from perfect.",
        "Size moves it, or the best model leaves little to move.",
    )
    sides: list[Told] = []
    if slope is not None and best is not None and doublings(slope) >= FEWEST_DOUBLINGS:
        rises, solved = sheet.told(slope, flat), sheet.told(best, SOLVED)
        settled = rises is False and solved is False
        sides = [True if settled else False if rises or solved else None]
    strength = SOLVED - (best.interval.high or 0.0) if best is not None else 0.0
    weighed = [(one.interval, SOLVED if one is best else flat) for one in parts]
    return _finding((Kind.CEILING, None), sides, words, parts, (strength, needed(weighed)))


def label_bound(sheet: Sheet) -> Finding:
    """So many gold answers are in doubt that they hide what a lever does."""
    found = [sheet.get("suspect labels above chance"), sheet.get("conflicting targets")]
    parts = [one for one in found if one is not None]
    shown = [one for one in (sheet.get("suspect labels"), *parts) if one is not None]
    words = (
        "Gold answers are in doubt on more examples than the margin.",
        "Gold answers are in doubt on fewer examples than the margin.",
    )
    if found[0] is None and sheet.told(found[1], sheet.margin) is not True:
        return _finding((Kind.LABELS, None), [], words, shown, (0.0, None))
    return _any((Kind.LABELS, None), sheet.margin, parts, words, shown)


def needed(weighed: Sequence[tuple[Interval, float]], every: bool = False) -> int | None:
    """About how many examples would settle a rule that any (or every) interval has to be above its level for.

    One above its level settles it, or else all below theirs (for `every` the other way round).
    """
    told_by = [(enough(one, level), (one.estimate or 0.0) > level) for one, level in weighed]
    alone = [n for n, above in told_by if n is not None and above is not every]
    together = [n for n, _ in told_by if n is not None]
    return min(alone) if alone else max(together, default=None)


def _any(
    about: tuple[Kind, str | None],
    level: float,
    parts: Sequence[Signal],
    words: tuple[str, str],
    shown: Sequence[Signal] | None = None,
) -> Finding:
    """A kind that holds when any of the signals lies above the level, and does not when all lie below."""
    sides = [told(one.interval, level) for one in parts]
    strength = max((low for one in parts if (low := _low(one)) is not None), default=0.0)
    more = needed([(one.interval, level) for one in parts])
    return _finding(about, sides, words, list(shown if shown is not None else parts), (strength, more))


def _finding(
    about: tuple[Kind, str | None],
    sides: Sequence[Told],
    words: tuple[str, str],
    parts: Sequence[Signal],
    size: tuple[float, int | None],
) -> Finding:
    """The finding that the sides add up to, with what it rests on in its sentence."""
    kind, model = about
    strength, total = size
    evidence = " ".join(one.sentence for one in parts)
    if not sides:
        return Finding(
            kind, model, Ruling.NOT_MEASURED, 0.0, f"Not measured. {evidence}".strip(), tuple(parts)
        )
    if True in sides:
        return Finding(kind, model, Ruling.HOLDS, max(strength, 0.0), f"{words[0]} {evidence}", tuple(parts))
    if None not in sides:
        return Finding(kind, model, Ruling.DOES_NOT_HOLD, 0.0, f"{words[1]} {evidence}", tuple(parts))
    how_many = f"about {total:,} examples would tell" if total else "it lies too close to the line"
    return Finding(
        kind, model, Ruling.CANNOT_TELL, 0.0, f"Cannot tell: {how_many}. {evidence}", tuple(parts), total
    )


def _low(signal: Signal | None) -> float | None:
    return None if signal is None else signal.interval.low


def _points(margin: float) -> str:
    return f"{100 * margin:g} points"
