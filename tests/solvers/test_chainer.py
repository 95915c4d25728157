"""Forward chaining over Logic-LM's programs: what follows, what does not, and what is no program."""

from __future__ import annotations

import pytest

from underdog.solvers.chainer import literal_from, solve
from underdog.solvers.formulation import Unreadable, sections

STORY = """
Predicates:
Quiet($x, bool) ::: Is x quiet?
Facts:
Quiet(Bob, True) ::: Bob is quiet.
Cold(Bob, True)
Likes(Bob, Dave)
Rules:
Quiet($x, True) && Cold($x, True) >>> Smart($x, True) && Loud($x, False)
Smart($x, True) && Likes($x, $y) >>> Likes($y, $x)
Query:
"""


@pytest.mark.parametrize(
    ("query", "follows"),
    [
        ("Smart(Bob, True)", "true"),
        ("Smart(Bob, False)", "false"),
        ("Loud(Bob, False) ::: Bob is not loud.", "true"),
        ("!Loud(Bob, True)", "true"),
        ("Not(Smart(Bob, True))", "false"),
        ("Likes(Dave, Bob)", "true"),
        ("Smart(Dave, True)", "unknown"),
    ],
)
def test_a_query_is_true_false_or_unknown(query, follows):
    assert solve(STORY + query) == follows


def test_a_rule_without_variables_and_a_chain_of_rules_are_followed_to_the_end():
    steps = "\n".join(f"P{n}($x, True) >>> P{n + 1}($x, True)" for n in range(40))
    assert solve(f"Facts:\nP0(a, True)\nRules:\n{steps}\nQuery:\nP40(a, True)") == "true"
    assert solve("Facts:\nA(a)\nRules:\nA(a) >>> B(b)\nQuery:\nB(b)") == "true"


def test_what_is_said_first_stands_against_what_contradicts_it():
    assert solve("Facts:\nA(a, True)\nRules:\nA($x, True) >>> A($x, False)\nQuery:\nA(a, True)") == "true"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Facts:\nQuiet(Bob, True)", "must be a section Query"),
        ("Facts:\nBob is quiet.\nQuery:\nQuiet(Bob)", "like Quiet(Bob, True); got 'Bob is quiet.'"),
        ("Facts:\nQuiet($x, True)\nQuery:\nQuiet(Bob)", "things and no variables"),
        ("Rules:\nQuiet(Bob) >>> Smart($x)\nQuery:\nQuiet(Bob)", r"\$x .* is not bound"),
        ("Rules:\nA(a) >>> B(a) >>> C(a)\nQuery:\nC(a)", "must have one >>>"),
        ("Query:\nLikes(Bob, )", "a statement must be like"),
    ],
)
def test_what_is_no_program_is_one_sentence(text, says):
    with pytest.raises(Unreadable, match=says.replace("(Bob, True)", r"\(Bob, True\)")):
        solve(text)


def test_lenient_reading_takes_what_it_finds_and_must_find_the_query():
    loose = (
        "Facts:\nBob is quiet.\nQuiet(Bob, True) ^ Cold(Bob, True)\nWise($x, True)\nQuery:\nCold(Bob, True)."
    )
    with pytest.raises(Unreadable):
        solve(loose)
    assert solve(loose, lenient=True) == "true"
    for query in ("Is Bob cold?", "Cold(Bob, X)", "Cold($x, True)"):
        with pytest.raises(Unreadable, match="the query must be like"):
            solve(f"Facts:\nCold(Bob)\nQuery:\n{query}", lenient=True)


def test_rules_that_match_without_end_are_refused_and_not_waited_for():
    facts = "\n".join(f"P(a{n})" for n in range(60))
    body = " && ".join(f"P(${name})" for name in "abcdef")
    with pytest.raises(Unreadable, match="match in more than 500,000 ways"):
        solve(f"Facts:\n{facts}\nRules:\n{body} >>> Q($a, $b)\nQuery:\nQ(z, z)")


def test_headings_are_found_in_either_number_and_fences_are_no_statements():
    assert sections("# Fact:\n```\nA(a) ::: why\n```\nNothing here: it is a statement\nQuery:\n") == {
        "Fact": ["A(a)", "Nothing here: it is a statement"],
        "Query": [],
    }


def test_a_literal_may_have_its_sign_in_front_or_its_truth_value_last():
    assert literal_from("¬Quiet(Bob, False)") == literal_from("Quiet(Bob, TRUE)")
    assert literal_from("not Quiet(Bob)") == literal_from("Quiet(Bob, False)")
