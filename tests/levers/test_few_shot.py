"""FewShot: which demonstrations are shown, where, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from underdog.acts.search import search
from underdog.answerer import Act, Answer, Failure, Model, Request, play
from underdog.errors import Declined, StudyError
from underdog.example import Example
from underdog.levers import FewShot, Retrieve
from underdog.plan import Plan, load_plan
from underdog.retrieval.index import Index
from underdog.routing.experience import Experience
from underdog.routing.table import OutcomeTable

SMALL = Model("fake/small")
QUESTIONS = ("the red fox runs", "a blue whale swims", "the red kite flies", "snow falls slowly")


def gold(example: Example) -> str | None:
    return example.target


def example(name: str, target: str | None, content: object = None) -> Example:
    return Example(name, name, ({"role": "user", "content": content or f"ask {name}"},), target)


ANIMALS = [example(text, text.split()[2], text) for text in QUESTIONS]


def asked(lever, *messages):
    """The turns that the model gets, searches being done for real."""
    seen = []

    def reply(effect):
        if isinstance(effect, Act):
            return search(**effect.arguments, file=effect.file)
        seen.append(effect.request)
        return Answer("a")

    play(lever, Request(messages), reply)
    return [(m["role"], m["content"]) for m in seen[0].messages]


def users(lever, question):
    return [text for role, text in asked(lever, {"role": "user", "content": question}) if role == "user"][:-1]


def test_random_demonstrations_are_drawn_from_the_examples_by_seed() -> None:
    examples = [example(str(i), f"gold {i}") for i in range(20)]
    one, again, other = (FewShot(SMALL, 3, seed=seed).fit(examples, gold) for seed in (1, 1, 2))
    assert one == again != other and len(one.demonstrations) == 3 and one.ready
    assert all(a.removeprefix("gold ") == u.removeprefix("ask ") for u, a in one.demonstrations)
    assert replace(one, demonstrations=()) == FewShot(SMALL, 3, seed=1)


def test_demonstrations_are_the_first_turns_behind_what_the_system_says() -> None:
    lever = FewShot(SMALL, demonstrations=(("1+1", "2"),))
    system, user = {"role": "system", "content": "s"}, {"role": "user", "content": "q"}
    turn = {"role": "assistant", "content": "a"}
    shown = [("user", "1+1"), ("assistant", "2")]
    assert asked(lever, system, user) == [("system", "s"), *shown, ("user", "q")]
    assert asked(lever, user, turn, user) == [*shown, ("user", "q"), ("assistant", "a"), ("user", "q")]


def test_the_nearest_are_those_that_share_the_questions_rare_words_and_the_best_stands_last() -> None:
    lever = FewShot(SMALL, 2, by="nearest").fit(ANIMALS, gold)
    assert lever.demonstrations == () and lever.ready
    assert users(lever, "does the red kite fly?") == ["the red fox runs", "the red kite flies"]
    first = replace(lever, order="nearest_first")
    assert users(first, "does the red kite fly?") == ["the red kite flies", "the red fox runs"]
    assert users(lever, "a whale") == ["a blue whale swims"], "only one shares a word"


@pytest.mark.parametrize("question", ["zebra", "", "?!"])
def test_a_question_that_shares_no_word_with_any_is_asked_without_demonstrations(question) -> None:
    assert users(FewShot(SMALL, 2, by="nearest").fit(ANIMALS, gold), question) == []


def test_equally_near_demonstrations_come_in_the_order_of_the_examples() -> None:
    twins = [example(str(i), str(i), "the same words") for i in range(5)]
    lever = FewShot(SMALL, 3, by="nearest", order="nearest_first").fit(twins, gold)
    turns = asked(lever, {"role": "user", "content": "same words"})
    assert [text for role, text in turns if role == "assistant"] == ["0", "1", "2"]


def test_a_failed_search_is_the_levers_failure() -> None:
    lever = FewShot(SMALL, 2, by="nearest").fit(ANIMALS, gold)
    lost = Failure("act_failed", "no index")
    assert play(lever, Request(({"role": "user", "content": "red"},)), lambda effect: lost) == lost


@pytest.mark.parametrize("by", ["random", "nearest"])
def test_shuffled_labels_keep_the_questions_and_no_label_stays(by) -> None:
    right = FewShot(SMALL, 4, by=by).fit(ANIMALS, gold)
    wrong = FewShot(SMALL, 4, by=by, labels="shuffled").fit(ANIMALS, gold)
    question = {"role": "user", "content": "the red fox a blue whale flies slowly"}
    first, second = asked(right, question), asked(wrong, question)
    assert [turn for turn in first if turn[0] == "user"] == [turn for turn in second if turn[0] == "user"]
    labels = {turn for turn in first if turn[0] == "assistant"}
    others = [turn for turn in second if turn[0] == "assistant"]
    assert len(others) == 4 and {text for _, text in others} <= {text for _, text in labels}
    assert all(mine != theirs for mine, theirs in zip(first, second, strict=True) if mine[0] == "assistant")


def test_examples_without_gold_or_text_are_no_demonstrations_and_too_few_are_refused() -> None:
    poor = [example("1", "gold"), example("2", None), example("3", "gold", [{"type": "text", "text": "x"}])]
    assert FewShot(SMALL, 1).fit(poor, gold).demonstrations == (("ask 1", "gold"),)
    for by in ("random", "nearest"):
        with pytest.raises(StudyError, match=r"2 demonstrations need as many fit examples .* there are 1"):
            FewShot(SMALL, 2, by=by).fit(poor, gold)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: FewShot(SMALL, 0), "k must be at least 1; got 0"),
        (lambda: FewShot(SMALL, order="nearest_first"), "random demonstrations have no order"),
        (
            lambda: FewShot(SMALL, 1, labels="shuffled").fit([example("1", "x"), example("2", "x")], gold),
            "shuffled labels need two different answers in fit",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(made, sentence) -> None:
    with pytest.raises(StudyError, match=sentence):
        made()


def test_only_the_question_is_searched_for_when_passages_are_put_inside() -> None:
    notes = Index.of([("n[0:9]", "kites are red birds")]).stored
    lever = FewShot(Retrieve(SMALL, notes, 1), 1, by="nearest").fit(ANIMALS, gold)
    turns = asked(lever, {"role": "user", "content": "which kite?"})
    assert turns == [
        ("user", "the red kite flies"),
        ("assistant", "kite"),
        ("user", "which kite?"),
    ], "kites is another word than kite"


def test_a_plan_holds_the_pool_and_shows_the_same_when_loaded(tmp_path) -> None:
    lever = FewShot(SMALL, 2, by="nearest").fit(ANIMALS, gold)
    Plan("near", lever).save(tmp_path)
    again = load_plan(tmp_path).answerer
    assert again == lever and users(again, "the red") == users(lever, "the red") != []


# A teacher's own answers


def lesson(scores, texts, questions=None, finals=None) -> Experience:
    """What a teacher and the inner answerer did on as many examples; only the teacher's column matters."""
    n = len(scores)
    cells = np.column_stack([scores, np.zeros(n)])
    table = OutcomeTable(
        questions=tuple(questions or (f"question {i}" for i in range(n))),
        ids=tuple(map(str, range(n))),
        groups=tuple(map(str, range(n))),
        categories=None,
        answerers=("large", "small"),
        scores=cells,
        costs=np.ones((n, 2)),
        answers=(tuple(finals or [None] * n), (None,) * n),
    )
    return Experience(table, np.ones((n, 2)), np.ones((n, 2)), texts=(tuple(texts), (None,) * n))


def test_a_teachers_right_answers_are_shown_with_their_steps_and_the_teacher_is_needed_no_more() -> None:
    asked_for = FewShot(SMALL, 3, teacher=Model("fake/large"))
    assert asked_for.unfitted and asked_for.pool == (Model("fake/large"), SMALL)
    scores = [1.0 if i % 2 else 0.0 for i in range(50)]
    taught = asked_for.fit_on(lesson(scores, [f"so it is {i}" for i in range(50)]))
    assert taught.teacher is None and taught.ready and not taught.unfitted and len(taught.demonstrations) == 3
    for question, text in taught.demonstrations:
        number = int(question.removeprefix("question "))
        assert number % 2 and text == f"so it is {number}"
    assert taught.fit([example("1", "gold")], gold) == taught, "gold answers do not take their place"
    assert asked_for.fit(ANIMALS, gold) == asked_for, "it waits for its teacher"


def test_its_own_answers_are_one_column_and_nearest_ones_are_looked_up_among_all_right_ones() -> None:
    own = FewShot(SMALL, 1, by="nearest", teacher=SMALL)
    assert own.pool == (SMALL,)
    questions = [f"word{i} is" for i in range(50)]
    taught = own.fit_on(lesson([1.0] * 49 + [0.0], [f"answer {i}" for i in range(50)], questions))
    assert users(taught, "word7?") == ["word7 is"] and users(taught, "word49?") == []


def test_shuffled_answers_of_a_teacher_end_in_another_answer_whatever_their_words() -> None:
    lever = FewShot(SMALL, 4, labels="shuffled", teacher=SMALL)
    texts = [f"step {i}, so {'yes' if i % 2 else 'no'}" for i in range(50)]
    taught = lever.fit_on(lesson([1.0] * 50, texts, finals=[text.split()[-1] for text in texts]))
    for question, text in taught.demonstrations:
        assert text.split()[-1] != ("yes" if int(question.split()[-1]) % 2 else "no")


def test_a_question_asked_twice_is_one_demonstration_and_too_few_right_answers_are_declined() -> None:
    lever = FewShot(SMALL, 2, teacher=Model("fake/large"))
    scores = [1.0] * 3 + [np.nan] * 40
    texts = ["a", "b", None, *("c",) * 40]
    assert len(lever.fit_on(lesson(scores, texts)).demonstrations) == 2
    with pytest.raises(Declined, match=r"as many right answers of large .* there are 1"):
        lever.fit_on(lesson(scores, texts, ["same"] * 43))
