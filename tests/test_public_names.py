"""What `import underdog` offers, pinned: a name comes or goes here first, on purpose."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

import underdog
from underdog import levers, scorers
from underdog.reading import RULES

NAMES = [
    *("Act", "Answer", "Ask", "Budget", "Driver", "Example", "Failure", "Model", "Outcome", "Plan"),
    *("Request", "Sampling", "Settings", "Spend", "Task", "Tool", "UnderdogError", "__version__"),
    *("ask", "ask_all", "load_plan", "load_study", "load_task", "play", "study"),
]
LEVERS = [
    *("Abstain", "Agree", "Beam", "BestOf", "Cascade", "CascadeRoute", "Check", "Compute", "Confident"),
    *("Constrain", "DeepConf", "Dvts", "Fallback", "FewShot", "Judged", "Ladder", "Lookahead", "Panel"),
    *("Prompt", "Read", "Render", "Repair", "Retrieve", "Revise", "Reward", "Route", "Scored"),
    *("Shortest", "Solve", "Split", "Sticky", "Tools", "Vote"),
]
SCORERS = [
    *("contains", "exact", "json", "judge", "label", "list_f1", "number", "python", "regex"),
    *("set_f1", "token_f1", "tool_call"),
]
READING = [
    *("choice", "first_line", "json", "label", "labels", "number", "regex", "tag", "text", "tool_call"),
]


def test_the_public_names_are_these() -> None:
    assert sorted(underdog.__all__) == NAMES
    assert dir(underdog) == sorted(underdog.__all__)


def test_the_words_of_study_files_are_these() -> None:
    assert levers.__all__ == LEVERS
    assert sorted(scorers.SCORERS) == SCORERS
    assert sorted(RULES) == READING


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__version__"])
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(underdog, name)
    assert inspect.getdoc(value)
    home = import_module(value.__module__)
    assert getattr(home, name) is value and value.__module__.startswith("underdog.")


@pytest.mark.parametrize("name", ["Model", "Request", "Task", "Plan", "Spend", "Budget", "Failure"])
def test_public_methods_say_what_they_do_unless_they_are_one_line(name: str) -> None:
    cls = getattr(underdog, name)
    for member, value in vars(cls).items():
        if member.startswith("_") or not inspect.isfunction(value):
            continue
        body = inspect.getsource(value).strip().splitlines()
        assert inspect.getdoc(value) or len(body) <= 3, f"{name}.{member}"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'studdy'"):
        _ = underdog.studdy  # type: ignore[attr-defined]
