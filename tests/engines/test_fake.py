"""The fake engine: the same answer for the same ask, counted and cut like a real one's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from underdog.answerer import Answer, Failure, Request, Sampling, TokenLogprob
from underdog.engines import Delta, Engine
from underdog.engines.fake import FakeEngine, named_fake
from underdog.errors import StudyError
from underdog.trial import Spend


def request(
    text: str = "how many legs has a duck", draw: tuple[int, ...] = (), **sampling: object
) -> Request:
    return Request(({"role": "user", "content": text},), sampling=Sampling(**sampling), draw=draw)  # type: ignore[arg-type]


def ask(engine: Engine, *requests: Request) -> list[Answer | Failure]:
    return asyncio.run(engine.generate(requests))


def texts(results: Sequence[Answer | Failure]) -> list[str]:
    return [result.text for result in results if isinstance(result, Answer)]


def streamed(engine: Engine, asked: Request) -> list[Delta]:
    async def collect() -> list[Delta]:
        return [delta async for delta in engine.stream(asked)]

    return asyncio.run(collect())


def test_one_text_answers_everything_and_tokens_are_words() -> None:
    engine = FakeEngine("it has two legs", name="duck", rates=(0.001, 0.01), latency=0.001)
    [answer] = ask(engine, request())
    spend = Spend(1, tokens_in=6, tokens_out=4, dollars=6 * 0.001 + 4 * 0.01, seconds=0.001)
    assert engine.price(spend) == spend
    assert answer == Answer("it has two legs", spend=spend, model="fake/duck")
    assert engine.asked == [request()]


def test_a_sequence_answers_by_the_draw_whatever_the_order_of_the_asks() -> None:
    engine = FakeEngine(["a", "b", "c"])
    asks = [request(draw=draw, temperature=1.0) for draw in [(2,), (0,), (1, 1), (4,), ()]]
    assert texts(ask(engine, *asks)) == ["c", "a", "c", "b", "a"]
    assert texts(ask(engine, *asks[::-1])) == ["a", "b", "c", "a", "c"]
    assert texts(ask(engine, request(draw=(2,)))) == ["a"], "a greedy ask has one answer"


def test_a_function_answers_with_a_text_an_answer_or_a_failure() -> None:
    refused = Failure("bad_request", "not today")
    sure = Answer("sure", confidence=0.9, logprobs=(TokenLogprob("sure", -0.1),), spend=Spend(3, 1, 0, 2))
    replies = {"text": "word", "answer": sure, "failure": refused, "plain": Answer("two words")}
    engine = FakeEngine(lambda asked: replies[asked.messages[0]["content"]])
    text, answer, failure, plain = ask(engine, *map(request, replies))
    assert texts([text]) == ["word"]
    assert isinstance(answer, Answer)
    assert (answer.confidence, answer.logprobs, answer.spend) == (0.9, sure.logprobs, sure.spend)
    assert failure is refused
    assert isinstance(plain, Answer)
    assert plain.spend == Spend(1, tokens_in=1, tokens_out=2)


def test_what_a_function_raises_is_raised_and_not_taken_for_a_failed_call() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(FakeEngine(lambda asked: str(1 // 0)), request())


def test_an_answer_is_cut_off_at_max_tokens_and_says_so() -> None:
    engine = FakeEngine(" one  two three\nfour ")
    cut, whole = ask(engine, request(max_tokens=3), request(max_tokens=4))
    assert isinstance(cut, Answer)
    assert isinstance(whole, Answer)
    assert (cut.text, cut.finish, cut.spend.tokens_out) == (" one  two three", "length", 3)
    assert (whole.text, whole.finish, whole.spend.tokens_out) == (" one  two three\nfour ", "stop", 4)


def test_a_stop_ends_the_answer_before_it() -> None:
    [answer] = ask(FakeEngine("four\n\nQuestion: next"), request(stop=("\n\n", "never")))
    assert isinstance(answer, Answer)
    assert (answer.text, answer.finish) == ("four", "stop")


def test_scripted_failures_come_first_for_every_different_ask() -> None:
    slow, busy = Failure("timeout", "slow", retryable=True), Failure("rate_limited", "busy", retryable=True)
    engine = FakeEngine("fine", failures=[slow, busy])
    first, second = request("a"), request("b")
    assert ask(engine, first, second) == [slow, slow]
    assert ask(engine, first) == [busy]
    assert texts(ask(engine, first)) == ["fine"]
    assert ask(engine, second) == [busy]
    assert ask(engine, request("a", draw=(1,), temperature=1.0)) == [slow]


@pytest.mark.parametrize("text", ["two words", " \n spaces  kept\n", "", "  "])
def test_a_stream_brings_the_answer_word_by_word_and_ends_with_it(text: str) -> None:
    engine = FakeEngine(text)
    *pieces, last = streamed(engine, request())
    assert "".join(piece.text for piece in pieces) == text
    assert [last.answer] == ask(engine, request())
    assert all(piece.answer is None for piece in pieces)
    assert len(pieces) >= len(text.split())


def test_a_stream_that_fails_ends_with_the_failure() -> None:
    failure = Failure("server_error", "broken")
    assert streamed(FakeEngine("x", failures=[failure]), request()) == [Delta(failure=failure)]


@pytest.mark.parametrize("reply", ["short", "much longer than it may be " * 20])
def test_no_answer_costs_more_than_its_bound(reply: str) -> None:
    engine = FakeEngine(reply, rates=(0.1, 1.0), latency=0.001)
    asked = request(max_tokens=30)
    [answer] = ask(engine, asked)
    bound = engine.bound(asked)
    assert isinstance(answer, Answer)
    assert answer.spend.dollars is not None
    assert bound.dollars is not None
    assert answer.spend.dollars <= bound.dollars
    assert answer.spend.tokens_out <= bound.tokens_out == 30
    assert answer.spend.tokens_in == bound.tokens_in


def test_content_in_parts_is_counted_and_echoed_by_its_texts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    parts = [{"type": "text", "text": "what is "}, image, {"type": "text", "text": "this"}]
    asked = Request(({"role": "system", "content": "be brief"}, {"role": "user", "content": parts}))
    [answer] = ask(named_fake("echo"), asked)
    assert isinstance(answer, Answer)
    assert answer.text == "what is this"
    assert answer.spend.tokens_in == 5


def test_engines_with_other_scripts_have_other_fingerprints() -> None:
    failing = FakeEngine("a", failures=[Failure("timeout", "slow")])
    priced = FakeEngine("a", rates=(1.0, 1.0))
    engines = [
        FakeEngine("a"),
        FakeEngine("b"),
        FakeEngine(["a", "b"]),
        FakeEngine("a", name="x"),
        failing,
        priced,
    ]
    prints = [engine.fingerprint for engine in engines]
    assert len(set(prints)) == len(prints)
    assert FakeEngine("a").fingerprint == FakeEngine("a").fingerprint
    assert engines[0].identity(request("a")) != engines[0].identity(request("b"))


def test_echo_and_constant_do_what_they_say() -> None:
    assert texts(ask(named_fake("echo"), request("say this"))) == ["say this"]
    assert texts(ask(named_fake("echo"), Request(({"role": "system", "content": "x"},)))) == [""]
    assert texts(ask(named_fake("constant:a: b|c"), request())) == ["a: b|c"]


def test_choice_draws_each_text_about_as_often_and_always_the_same_one() -> None:
    asks = [request(draw=(number,), temperature=1.0) for number in range(3_000)]
    first = texts(ask(named_fake("choice:A|B|C"), *asks))
    assert first == texts(ask(named_fake("choice:A|B|C"), *asks))
    counts = {letter: first.count(letter) for letter in "ABC"}
    assert sum(counts.values()) == 3_000
    assert all(900 < count < 1_100 for count in counts.values()), counts


@pytest.mark.parametrize("name", ["", "gold", "echo:x", "constant", "constant:", "choice:", "choice:A||B"])
def test_an_unknown_fake_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(StudyError, match=r"the fakes are fake/echo, fake/constant:TEXT and fake/choice"):
        named_fake(name)


def test_an_empty_sequence_is_refused() -> None:
    with pytest.raises(StudyError, match="must hold at least one"):
        FakeEngine([])


def test_check_asks_once_and_tells_what_came() -> None:
    engine = FakeEngine("fine", failures=[Failure("unauthorised", "no key")])
    first, second = asyncio.run(engine.check()), asyncio.run(engine.check())
    assert (first.answers, first.note) == (False, "no key")
    assert second.answers
    assert "this process" in second.destination
    assert len(engine.asked) == 2
    assert engine.versions() == {"engine": "fake", "model": "fake"}
    asyncio.run(engine.close())
