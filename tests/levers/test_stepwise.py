"""Beam, Dvts and Lookahead: which steps are asked for, what the verifier sees and which path is chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import nan
from typing import Any

import pytest

from underdog.answerer import Answer, Ask, Failure, Model, Request, ToolCall, play
from underdog.errors import StudyError
from underdog.levers import Beam, BestOf, Constrain, Dvts, Lookahead, Read
from underdog.levers.candidate import continued, shown
from underdog.plan import dump, load
from underdog.trial import Spend

SMALL, JUDGE = Model("fake/small"), Model("fake/judge")
QUESTION = Request(({"role": "user", "content": "q"},), example="e1").sampled(max_tokens=64)
LOST = Failure("server_error", "the model is down")


def written(request: Request) -> str:
    """What the assistant has written before this step."""
    last = request.messages[-1]
    return last["content"] if last["role"] == "assistant" else ""


@dataclass
class Played:
    """Plays a writer of steps and a judge of texts, and notes what reached each."""

    writes: Callable[[str, Request], Answer | Failure]
    judges: Callable[[str], Any] = lambda text: 0.5
    steps: list[Request] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)

    def __call__(self, ask: Ask) -> Answer | Failure:
        if ask.answerer == JUDGE:
            self.judged.append(written(ask.request))
            verdict = self.judges(self.judged[-1])
            return verdict if isinstance(verdict, Failure) else Answer("", confidence=verdict)
        self.steps.append(ask.request)
        return self.writes(written(ask.request), ask.request)

    def of(self, lever: Any, request: Request = QUESTION) -> Any:
        return play(lever, request, self)


def digits(depth: int) -> Callable[[str, Request], Answer]:
    """A writer whose step is its draw's last number; after `depth` steps the answer ends."""

    def write(text: str, request: Request) -> Answer:
        last = text.count("\n") + 1 == depth
        return Answer(f"{request.draw[-1]}" + ("" if last else "\n"))

    return write


def high(text: str) -> float:
    """A judge who likes large last digits."""
    return int(text.split()[-1][-1]) / 10


def test_n_steps_are_drawn_the_best_nth_go_on_and_each_is_drawn_width_times() -> None:
    played = Played(digits(3), high)
    answer = played.of(Beam(SMALL, JUDGE, n=8, width=4))
    rounds = Counter(written(step).count("\n") for step in played.steps)
    assert rounds == {0: 8, 1: 8, 2: 8}
    assert {written(step) for step in played.steps[8:16]} == {"7\n", "6\n"}
    assert Counter(written(step) for step in played.steps[8:16]) == {"7\n": 4, "6\n": 4}
    second = {written(step) for step in played.steps[16:]}
    assert second == {"7\n3\n", "6\n7\n"} or len(second) == 2
    assert answer.text.count("\n") == 2 and answer.text.endswith("7")


def test_a_step_asks_to_go_on_and_to_keep_the_end_of_the_step() -> None:
    played = Played(digits(2), high)
    played.of(Beam(SMALL, JUDGE, n=2, width=2, delimiter="\n"), QUESTION.sampled(stop=("END",)))
    first, later = played.steps[0], played.steps[-1]
    assert first.sampling.stop == ("END", "\n") and first.sampling.temperature == 0.8
    assert first.messages == QUESTION.messages and "continue_final_message" not in first.extra
    assert later.messages[-1] == {"role": "assistant", "content": "1\n"}
    assert later.extra["continue_final_message"] is True
    assert later.extra["add_generation_prompt"] is False
    assert all(step.extra["include_stop_str_in_output"] is True for step in played.steps)
    assert all(step.example == "e1" for step in played.steps)


def test_a_step_may_end_at_any_of_several_delimiters() -> None:
    played = Played(lambda text, request: Answer({"": "3+", "3+": "4*", "3+4*": "5"}[text]))
    lever = Beam(SMALL, JUDGE, n=1, width=1, delimiter=("+", "*"))
    assert played.of(lever).text == "3+4*5" and played.steps[0].sampling.stop == ("+", "*")
    assert load(dump(lever)) == lever


def test_the_tokens_of_all_steps_stay_within_those_of_one_answer() -> None:
    def write(text: str, request: Request) -> Answer:
        return Answer("more\n", spend=Spend(calls=1, tokens_out=min(10, request.sampling.max_tokens)))

    played = Played(write)
    answer = played.of(Beam(SMALL, JUDGE, n=1, width=1), QUESTION.sampled(max_tokens=25))
    assert [step.sampling.max_tokens for step in played.steps] == [25, 15, 5]
    assert answer.text == "more\n" * 3 and len(played.steps) == 3


def test_paths_that_ended_keep_their_place_and_are_asked_no_more() -> None:
    def write(text: str, request: Request) -> Answer:
        place = request.draw[-1]
        return Answer(f"{place}" if place < 2 else f"{place}\n")

    played = Played(write, high)
    played.of(Beam(SMALL, JUDGE, n=6, width=2, rounds=2))
    assert Counter(written(step) for step in played.steps) == {"": 6, "5\n": 2, "4\n": 2}


def test_equal_steps_are_one_path_and_verified_once() -> None:
    played = Played(lambda text, request: Answer("same\n" if not text else "end"))
    answer = played.of(Beam(SMALL, JUDGE, n=4, width=2))
    assert Counter(written(step) for step in played.steps) == {"": 4, "same\n": 4}
    assert played.judged == ["same\n", "same\nend"] and answer.text == "same\nend"


def test_the_end_is_a_vote_weighted_by_verdicts_and_draws() -> None:
    texts = ["9", "5", "5", "5"]
    played = Played(
        lambda text, request: Answer(texts[request.draw[-1]]), lambda text: 0.9 if text == "9" else 0.4
    )
    reading = Read(SMALL, "number")
    heaviest = played.of(Beam(reading, JUDGE, n=4, width=2))
    assert heaviest.final == "5" and heaviest.confidence == pytest.approx(1.2 / 2.1)
    best = played.of(Beam(reading, JUDGE, n=4, width=2, by="max"))
    assert (best.final, best.confidence) == ("9", 0.9)


def test_the_whole_text_is_read_and_not_the_last_step() -> None:
    pieces = ['{"answer":\n', '"12"\n', "}"]
    played = Played(lambda text, request: Answer(pieces[text.count("\n")]))
    answer = played.of(Beam(Read(SMALL, "json", path="answer"), JUDGE, n=2, width=1))
    assert answer.final == "12" and answer.text == "".join(pieces)


@pytest.mark.parametrize(("score", "winner"), [("last", "b"), ("min", "a"), ("mean", "a")])
def test_verdicts_of_steps_are_pooled_by_the_last_the_least_or_their_mean(score, winner) -> None:
    verdicts = {"a\n": 0.8, "b\n": 0.1, "a\n.": 0.6, "b\n.": 0.7}

    def write(text: str, request: Request) -> Answer:
        return Answer("." if text else "ab"[request.draw[-1]] + "\n")

    played = Played(write, verdicts.__getitem__)
    answer = played.of(Beam(SMALL, JUDGE, n=2, width=1, score=score, by="max"))
    assert answer.text == f"{winner}\n."


@pytest.mark.parametrize("verdict", [None, nan, 1.5, -0.2, LOST])
def test_a_path_without_a_verdict_ranks_last_and_nothing_crashes(verdict) -> None:
    def write(text: str, request: Request) -> Answer:
        return Answer(f"{request.draw[-1]}\n" if not text else "end")

    judges = lambda text: verdict if text.startswith(("0", "1")) else 0.1  # noqa: E731
    played = Played(write, judges)
    answer = played.of(Beam(SMALL, JUDGE, n=4, width=2))
    assert {written(step) for step in played.steps[4:]} == {"2\n", "3\n"}
    assert answer.text in ("2\nend", "3\nend")


def test_without_any_verdict_the_most_frequent_answer_stands() -> None:
    texts = ["7", "8", "8", "9"]
    played = Played(lambda text, request: Answer(texts[request.draw[-1]]), lambda text: LOST)
    assert played.of(Beam(Read(SMALL, "number"), JUDGE, n=4)).final == "8"


def test_lost_steps_are_gone_and_a_search_that_loses_all_shows_what_it_has() -> None:
    def half(text: str, request: Request) -> Answer | Failure:
        return LOST if request.draw[-1] % 2 else digits(2)(text, request)

    assert Played(half, high).of(Beam(SMALL, JUDGE, n=4, width=2)).text == "0\n2"

    def once(text: str, request: Request) -> Answer | Failure:
        return LOST if text else Answer(f"{request.draw[-1]}\n")

    played = Played(once, high)
    unfinished = played.of(Beam(SMALL, JUDGE, n=4, width=2))
    assert (unfinished.text, unfinished.finish) == ("3\n", "length")
    assert len(played.steps) == 8, "a step that failed is not asked for again"
    assert Played(lambda text, request: LOST).of(Beam(SMALL, JUDGE, n=4)) == LOST


def test_a_search_ends_with_its_rounds_and_says_that_it_was_cut_off() -> None:
    played = Played(lambda text, request: Answer(f"{request.draw[-1]}\n"), high)
    answer = played.of(Beam(SMALL, JUDGE, n=4, width=2, rounds=3))
    assert answer.finish == "length" and answer.text.count("\n") == 3 and len(played.steps) == 12


def test_a_stop_of_the_clients_own_ends_the_answer_and_is_not_part_of_it() -> None:
    played = Played(lambda text, request: Answer("12 END"))
    answer = played.of(Beam(SMALL, JUDGE, n=2, width=2), QUESTION.sampled(stop=(" END",)))
    assert answer.text == "12" and answer.finish == "stop" and len(played.steps) == 2


def test_a_call_of_a_tool_ends_a_path_and_is_kept() -> None:
    call = ToolCall("find", "{}")
    played = Played(lambda text, request: Answer("", tool_calls=(call,), finish="tool_calls"))
    answer = played.of(Beam(SMALL, JUDGE, n=1, width=1))
    assert answer.tool_calls == (call,) and answer.finish == "tool_calls"


# Subtrees


def test_subtrees_do_not_compete_and_their_draws_are_their_own() -> None:
    def write(text: str, request: Request) -> Answer:
        tree, place = request.draw
        return Answer(f"{tree}{place}" + ("" if text else "\n"))

    played = Played(write, lambda text: (0.9 if text[0] == "0" else 0.1) + int(text.split()[-1][1]) / 100)
    played.of(Dvts(SMALL, JUDGE, n=6, width=3))
    assert Counter(written(step) for step in played.steps) == {"": 6, "02\n": 3, "12\n": 3}
    draws = [(step.digest, step.sample) for step in played.steps]
    assert len(draws) == len(set(draws)) == 12
    beam = Played(write, played.judges)
    beam.of(Beam(SMALL, JUDGE, n=6, width=3))
    assert {written(step)[:1] for step in beam.steps[6:]} == {"0"}


def test_a_subtree_that_lost_its_steps_leaves_the_others() -> None:
    def write(text: str, request: Request) -> Answer | Failure:
        return LOST if request.draw[0] == 0 else digits(2)(text, request)

    assert Played(write, high).of(Dvts(SMALL, JUDGE, n=4, width=2)).text == "1\n1"


# Looking ahead


def test_the_verifier_sees_where_a_step_leads_and_none_of_it_is_kept() -> None:
    """The step that looks worse leads to the better end: only what was rolled out can tell."""

    def write(text: str, request: Request) -> Answer:
        if request.sampling.temperature == 0:
            return Answer("good end" if text.startswith("0") else "bad end")
        return Answer(f"{request.draw[-1]}\n" if not text else "own end")

    played = Played(write, lambda text: 0.9 if "good" in text else 0.2)
    answer = played.of(Lookahead(SMALL, JUDGE, n=2, width=2))
    assert played.judged[:2] == ["0\ngood end", "1\nbad end"]
    assert answer.text == "0\nown end" and "good" not in answer.text
    greedy = [step for step in played.steps if step.sampling.temperature == 0]
    assert len(greedy) == 2 and all(step.sample == () for step in greedy)


def test_a_rollout_has_as_many_steps_as_asked_ends_with_its_answer_and_survives_a_failure() -> None:
    def write(text: str, request: Request) -> Answer | Failure:
        if request.sampling.temperature == 0:
            return LOST if text.startswith("1") else Answer("r\n")
        return Answer(f"{request.draw[-1]}\n")

    played = Played(write)
    played.of(Lookahead(SMALL, JUDGE, n=2, width=1, rounds=1, ahead=3))
    assert sorted(played.judged) == ["0\nr\nr\nr\n", "1\n"]
    short = Played(lambda text, request: Answer("x\n" if not text else "end"))
    short.of(Lookahead(SMALL, JUDGE, n=1, width=1, ahead=5))
    greedy = [step for step in short.steps if step.sampling.temperature == 0]
    assert short.judged == ["x\nend"] and len(greedy) == 1


# Settings


@pytest.mark.parametrize(
    ("cls", "settings", "says"),
    [
        (Beam, {"n": 2, "width": 4}, "beam: width must lie in 1 to n"),
        (Beam, {"rounds": 0}, "a round and a delimiter"),
        (Beam, {"delimiter": ""}, "a round and a delimiter"),
        (Beam, {"delimiter": ()}, "a round and a delimiter"),
        (Dvts, {"n": 10, "width": 4}, "dvts: n must be a multiple of width"),
        (Lookahead, {"ahead": 0}, "lookahead: ahead must be at least 1"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(cls, settings, says) -> None:
    with pytest.raises(StudyError, match=says):
        cls(SMALL, JUDGE, **settings)


def test_a_form_for_the_whole_answer_is_refused_and_one_inside_holds_each_step() -> None:
    played = Played(digits(2), high)
    refused = played.of(Constrain(Beam(SMALL, JUDGE, n=2, width=2), regex="a"))
    assert isinstance(refused, Failure) and refused.kind == "bad_request" and played.steps == []
    played.of(Beam(Constrain(SMALL, regex=r"\d\n?"), JUDGE, n=2, width=2))
    assert all(step.extra["structured_outputs"] == {"regex": r"\d\n?"} for step in played.steps)


def test_one_round_of_one_step_is_best_of_n() -> None:
    texts = ["4", "7", "7", "1"]
    judges = lambda text: {"4": 0.6, "7": 0.5, "1": 0.2}[text]  # noqa: E731
    write = lambda text, request: Answer(texts[request.draw[-1]])  # noqa: E731
    reading = Read(SMALL, "number")
    beam = Played(write, judges).of(Beam(reading, JUDGE, n=4, width=2))
    best = Played(write, judges).of(BestOf(reading, 4, JUDGE, by="sum"))
    assert (beam.final, beam.confidence) == (best.final, best.confidence) == ("7", pytest.approx(1.0 / 1.8))


# What a candidate is shown as


def test_an_answer_that_was_begun_by_the_client_is_continued_and_shown_as_one_message() -> None:
    begun = continued(QUESTION, "1. First")
    assert continued(begun, ", then").messages == (
        *QUESTION.messages,
        {"role": "assistant", "content": "1. First, then"},
    )
    seen = shown(begun, Answer(" and last"))
    assert written(seen) == "1. First and last" and len(seen.messages) == 2
    assert "continue_final_message" not in seen.extra
    held = replace(begun, extra={**begun.extra, "structured_outputs": {"regex": "a"}})
    assert "structured_outputs" not in shown(held, Answer("x")).extra
