"""BestOf: the draw that a verifier likes best, or the answer with most of its weight."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.acts import Acts
from underdog.answerer import Answer, Failure, Model, Request, Sampling, TokenLogprob, ToolCall, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers import BestOf, Check, Confident, Vote
from underdog.levers.best_of import chosen
from underdog.levers.program import Program
from underdog.store.sinks import MemoryBank
from underdog.tiny import worlds

SMALL, JUDGE = Model("fake/small"), Model("fake/judge")
QUESTION = Request(({"role": "user", "content": "q"},), response_format={"type": "json_object"})
LOST = Failure("timeout", "late")


def said(text: str, final: str | None = "", confidence: float | None = None) -> Answer:
    return Answer(text, final=text if final == "" else final, confidence=confidence)


class Bench:
    """Replies: the draws in order, and what the verifier thinks of each text; notes what was asked."""

    def __init__(self, draws: list[Answer | Failure], verdicts: dict[str, Any] | None = None) -> None:
        self.draws, self.verdicts = draws, verdicts or {}
        self.drawn: list[Request] = []
        self.shown: list[Request] = []

    def __call__(self, effect: Any) -> Answer | Failure:
        if effect.answerer == SMALL:
            self.drawn.append(effect.request)
            return self.draws[effect.request.draw[-1]]
        self.shown.append(effect.request)
        verdict = self.verdicts[effect.request.messages[-1]["content"]]
        return verdict if isinstance(verdict, Failure) else Answer("", confidence=verdict)


def best(lever: BestOf, bench: Bench) -> Any:
    return play(lever, QUESTION, bench)


def test_the_draw_with_the_highest_verdict_is_kept_and_the_verdict_is_its_confidence() -> None:
    bench = Bench([said("a"), said("b"), said("c")], {"a": 0.2, "b": 0.9, "c": 0.4})
    answer = best(BestOf(SMALL, 3, JUDGE), bench)
    assert (answer.text, answer.confidence) == ("b", 0.9)


def test_draws_are_sampled_and_the_verifier_is_asked_greedily_with_the_question_before_the_candidate() -> (
    None
):
    bench = Bench([said("a"), said("b")], {"a": 0.2, "b": 0.9})
    best(BestOf(SMALL, 2, JUDGE, temperature=0.5), bench)
    assert [r.sampling.temperature for r in bench.drawn] == [0.5, 0.5]
    assert [r.sampling.temperature for r in bench.shown] == [0.0, 0.0]
    assert bench.shown[0].messages == (QUESTION.messages[0], {"role": "assistant", "content": "a"})
    assert bench.shown[0].response_format is None and bench.drawn[0].response_format is not None


def test_the_same_words_are_verified_once_also_across_batches() -> None:
    bench = Bench([said("a"), said("a"), said("a"), said("b")], {"a": 0.2, "b": 0.1})
    best(BestOf(SMALL, 4, JUDGE, batch=2), bench)
    assert [r.messages[-1]["content"] for r in bench.shown] == ["a", "b"]


def test_the_same_text_with_other_tool_calls_is_another_candidate() -> None:
    calls = [("{}", "id1"), ("[]", "id2"), ("{}", "id3")]
    draws = [Answer("", (ToolCall("f", arguments, one),), final=arguments) for arguments, one in calls]
    bench = Bench(list(draws), {"": 0.5})
    best(BestOf(SMALL, 3, JUDGE), bench)
    assert len(bench.shown) == 2, "ids are chance, arguments are not"


def test_draws_of_equal_finals_add_their_weight() -> None:
    draws = [said("7!", "7"), said("8!", "8"), said("8?", "8")]
    bench = Bench(draws, {"7!": 0.5, "8!": 0.3, "8?": 0.4})
    answer = best(BestOf(SMALL, 3, JUDGE, "sum"), bench)
    assert (answer.final, answer.text) == ("8", "8?"), "of the heaviest answer its best draw is shown"
    assert answer.confidence == pytest.approx(0.7 / 1.2)
    assert best(BestOf(SMALL, 3, JUDGE), bench).text == "7!"


def test_only_the_share_to_keep_has_weight() -> None:
    draws = [said("7!", "7"), said("8!", "8"), said("8?", "8"), said("8.", "8")]
    bench = Bench(draws, {"7!": 0.5, "8!": 0.3, "8?": 0.4, "8.": 0.3})
    assert best(BestOf(SMALL, 4, JUDGE, "sum"), bench).final == "8"
    assert best(BestOf(SMALL, 4, JUDGE, "sum", keep=0.5), bench).final == "7"
    assert best(BestOf(SMALL, 4, JUDGE, "sum", keep=0.01), bench).final == "7", "one always stays"


def test_without_a_verifier_the_draws_own_confidence_counts() -> None:
    draws = [said("a", confidence=0.3), said("b", confidence=0.8), said("c")]
    assert best(BestOf(SMALL, 3), Bench(draws)).text == "b"
    likely = [said("a"), said("b")]
    chances = {"a": -2.0, "b": -0.1}
    answer = play(
        BestOf(Confident(SMALL), 2),
        QUESTION,
        lambda ask: Answer(
            (text := likely[ask.request.draw[0]].text),
            final=text,
            logprobs=(TokenLogprob("x", chances[text]),),
        ),
    )
    assert (answer.text, answer.confidence) == ("b", pytest.approx(math.exp(-0.1)))


def test_equal_verdicts_go_to_the_more_frequent_answer_then_to_the_first_draw() -> None:
    draws = [said("6!", "6"), said("7!", "7"), said("8!", "8"), said("8?", "8")]
    even = dict.fromkeys(("6!", "7!", "8!", "8?"), 1.0)
    assert best(BestOf(SMALL, 4, JUDGE), Bench(draws, even)).text == "8!"
    assert best(BestOf(SMALL, 3, JUDGE), Bench(draws, even)).text == "6!"
    assert best(BestOf(SMALL, 4, JUDGE, "sum"), Bench(draws, dict.fromkeys(even, 0.0))).final == "8"


NO_VERDICT = [None, math.nan, math.inf, -0.1, 1.5, LOST]


@pytest.mark.parametrize("verdict", NO_VERDICT)
@pytest.mark.parametrize("by", ["max", "sum"])
def test_a_candidate_without_a_verdict_comes_after_every_verified_one(verdict, by) -> None:
    bench = Bench([said("a"), said("a2", "a"), said("b")], {"a": verdict, "a2": verdict, "b": 0.01})
    answer = best(BestOf(SMALL, 3, JUDGE, by), bench)
    assert answer.text == "b" and 0 <= answer.confidence <= 1


@pytest.mark.parametrize("verdict", NO_VERDICT)
@pytest.mark.parametrize("by", ["max", "sum"])
def test_when_nothing_was_verified_the_plain_plurality_stands(verdict, by) -> None:
    draws = [said("a"), said("b1", "b"), said("b2", "b")]
    answer = best(BestOf(SMALL, 3, JUDGE, by), Bench(draws, dict.fromkeys(("a", "b1", "b2"), verdict)))
    assert (answer.text, answer.confidence) == ("b1", 2 / 3)


def test_what_could_not_be_read_is_neither_verified_nor_chosen() -> None:
    bench = Bench([said("um", None), LOST, said("a")], {"a": 0.0})
    assert best(BestOf(SMALL, 3, JUDGE), bench).text == "a"
    assert len(bench.shown) == 1


def test_when_nothing_could_be_read_all_draws_are_candidates() -> None:
    bench = Bench([said("um", None), said("er", None)], {"um": 0.1, "er": 0.6})
    assert best(BestOf(SMALL, 2, JUDGE), bench).text == "er"
    assert best(BestOf(SMALL, 2, JUDGE, "sum"), bench).text == "er"


def test_when_every_draw_failed_the_first_failure_is_the_result_and_nobody_is_verified() -> None:
    bench = Bench([LOST, Failure("bad_request", "no")])
    assert best(BestOf(SMALL, 2, JUDGE), bench) == LOST
    assert bench.shown == []


def test_draws_in_batches_end_with_one_that_passed() -> None:
    bench = Bench([said(x) for x in "abcdef"], dict.fromkeys("abcdef", 0.0) | {"d": 1.0})
    assert best(BestOf(SMALL, 6, JUDGE, batch=2), bench).text == "d"
    assert len(bench.drawn) == len(bench.shown) == 4


def test_a_verdict_may_be_enough_below_one() -> None:
    bench = Bench([said(x) for x in "abc"], {"a": 0.5, "b": 0.8, "c": 1.0})
    assert best(BestOf(SMALL, 3, JUDGE, batch=1, enough=0.75), bench).text == "b"


def test_a_weighted_vote_in_batches_ends_at_its_consensus() -> None:
    finals = ["7", "8", "7", "7", "7", "7"]
    draws = [said(f"{final}{i}", final) for i, final in enumerate(finals)]
    bench = Bench(draws, {draw.text: 0.5 for draw in draws if isinstance(draw, Answer)})
    answer = best(BestOf(SMALL, 6, JUDGE, "sum", batch=2, enough=0.75), bench)
    assert (answer.final, answer.confidence, len(bench.drawn)) == ("7", 0.75, 4)


def test_unverified_draws_never_end_the_drawing() -> None:
    bench = Bench([said("a"), said("a"), said("a")], {"a": None})
    best(BestOf(SMALL, 3, JUDGE, batch=1), bench)
    assert len(bench.drawn) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep": 0.5}, "by: sum"),
        ({"keep": 0.0, "by": "sum"}, "keep"),
        ({"enough": 0.5}, "how many draws"),
        ({"enough": 2.0, "batch": 1}, "enough"),
        ({"batch": 0}, "batch"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message) -> None:
    with pytest.raises(StudyError, match=message):
        BestOf(SMALL, 4, **settings)


RESULTS = st.lists(st.sampled_from(["a", "b", "c", None, LOST]), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(RESULTS, st.floats(0.01, 1.0))
def test_equal_weights_are_the_plain_plurality(finals, weight) -> None:
    draws = [
        one if isinstance(one, Failure) else Answer(f"{one}{i}", final=one) for i, one in enumerate(finals)
    ]
    plain: Any = play(Vote(SMALL, len(draws)), QUESTION, draws)
    answers = [draw for draw in draws if isinstance(draw, Answer)]
    if not any(answer.final for answer in answers):
        return
    readable = [answer for answer in answers if answer.final is not None]
    weighed = chosen(draws, [weight] * len(readable), "sum")
    assert (weighed.final, weighed.text) == (plain.final, plain.text)
    assert weighed.confidence == pytest.approx(plain.confidence)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 1)), min_size=1, max_size=12))
def test_max_keeps_a_highest_verdict_and_a_share_lies_between_nought_and_one(pairs) -> None:
    draws = [Answer(f"{final}{i}", final=final) for i, (final, _) in enumerate(pairs)]
    verdicts = [verdict for _, verdict in pairs]
    known = [verdict for verdict in verdicts if verdict is not None]
    top, heavy = chosen(draws, verdicts, "max"), chosen(draws, verdicts, "sum")
    assert not known or verdicts[draws.index(Answer(top.text, final=top.final))] == max(known)
    assert heavy.confidence is not None and 0 <= heavy.confidence <= 1 + 1e-12


def test_the_worlds_own_checker_chooses_among_draws_through_driver_and_acts() -> None:
    item = worlds.world("countdown").examples("test", 1, 0)[0]
    tries = ["1+1", "no idea", item.target, item.target]

    def reply(request: Request) -> Answer:
        text = tries[request.draw[-1]]
        return Answer(text, final=text)

    async def answered() -> Any:
        def bind(model: Model) -> FakeEngine:
            return FakeEngine(reply, name=model.name)

        check = Check(Program.read("underdog.tiny.worlds.countdown:check"))
        async with Acts(bind) as acts, Driver(bind, MemoryBank(), tools=acts) as driver:
            return await driver.answer(BestOf(SMALL, 4, check, batch=3), item.request(Sampling()))

    trail = asyncio.run(answered())
    assert (trail.result.text, trail.result.confidence) == (item.target, 1.0)
    assert trail.spend.calls == 3
