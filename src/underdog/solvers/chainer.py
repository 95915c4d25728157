"""Forward chaining over facts and rules, as Logic-LM's programs for ProntoQA and ProofWriter state them.

    Facts:                                   Rules:
    Quiet(Bob, True)                         Quiet($x, True) && Cold($x, True) >>> Smart($x, True)
    Likes(Bob, Dave)                         Query:
    Cold(Bob, True)                          Smart(Bob, True)

Negation is a truth value of its own, and what cannot be derived is unknown (open world). The last argument is
the truth value where it is one; without one a literal is true. The chaining is complete: it ends when nothing
new follows.

Strict reading takes every line or none: `!`, `¬` and `Not(...)` turn a literal around, and what has `>>>`
in it is a rule also under Facts. Lenient reading takes the literals that it finds and passes over what stands
around them, a sign of negation included (the language has none), and over lines that are in the wrong section
or cannot be read; the query it must read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from underdog.solvers.formulation import Unreadable, needed, sections

LITERAL = re.compile(r"(\w+)\s*\(([^()]*)\)")
NEGATED = re.compile(r"^(?:[!¬~]|[Nn]ot\b)\s*(.*)$")
VALUES = {"true": True, "false": False}
MOST_FACTS, MOST_MATCHES = 100_000, 500_000
TRUE, FALSE, UNKNOWN = "true", "false", "unknown"

Atom = tuple[str, tuple[str, ...]]
"""A predicate and its arguments; arguments that begin with $ are variables."""


@dataclass(frozen=True)
class Literal:
    """An atom said to be true or to be false."""

    atom: Atom
    value: bool

    @property
    def variables(self) -> frozenset[str]:
        """The variables among its arguments."""
        return frozenset(one for one in self.atom[1] if one.startswith("$"))


@dataclass(frozen=True)
class Rule:
    """Where all of `body` hold, all of `head` hold."""

    body: tuple[Literal, ...]
    head: tuple[Literal, ...]


@dataclass(frozen=True)
class Program:
    """Facts, rules and what is asked."""

    facts: tuple[Literal, ...]
    rules: tuple[Rule, ...]
    query: Literal


def solve(text: str, lenient: bool = False) -> str:
    """Whether the query follows: "true", "false" (its contrary follows) or "unknown".

    Raises:
        Unreadable: a line is no fact, rule or query, or more follows than can be kept.
    """
    program = program_from(text, lenient)
    known = derived(program.facts, program.rules)
    said = known.get(program.query.atom)
    if said is None:
        return UNKNOWN
    return TRUE if said == program.query.value else FALSE


def program_from(text: str, lenient: bool = False) -> Program:
    """A program out of its text.

    Raises:
        Unreadable: there is no query, or (strict) a statement is none.
    """
    found = sections(text)
    query = needed(found, "Query")[0]
    facts, rules = found.get("Fact", []), found.get("Rule", [])
    if lenient:
        return Program(_facts_in(facts), _rules_in(rules), _query_in(query))
    stated = facts + rules
    return Program(
        tuple(about_things(line) for line in stated if ">>>" not in line),
        tuple(rule_from(line) for line in stated if ">>>" in line),
        about_things(query),
    )


def about_things(line: str) -> Literal:
    """A literal without variables: a fact or the query.

    Raises:
        Unreadable: it is none.
    """
    literal = literal_from(line)
    if literal.variables:
        raise Unreadable(f"a fact or a query must name things and no variables; got {line!r}")
    return literal


def rule_from(line: str) -> Rule:
    """A rule, `A && B >>> C`.

    Raises:
        Unreadable: it has no two sides, or a variable of its head is not in its body.
    """
    sides = [side.split("&&") for side in line.split(">>>")]
    if len(sides) != 2:
        raise Unreadable(f"a rule must have one >>>; got {line!r}")
    body, head = (tuple(literal_from(part) for part in side) for side in sides)
    if free := _variables(head) - _variables(body):
        raise Unreadable(f"the variable {min(free)} of {line!r} is not bound by the left side")
    return Rule(body, head)


def literal_from(text: str) -> Literal:
    """A literal, such as `Quiet($x, True)` or `!Likes(Bob, Dave)`.

    Raises:
        Unreadable: it is none.
    """
    bare, negated = text.strip(), False
    if sign := NEGATED.match(bare):
        bare, negated = sign[1].strip(), True
        bare = bare[1:-1].strip() if bare.startswith("(") and bare.endswith(")") else bare
    found = LITERAL.fullmatch(bare)
    literal = _literal(found) if found else None
    if literal is None:
        raise Unreadable(f"a statement must be like Quiet(Bob, True); got {text.strip()!r}")
    return Literal(literal.atom, literal.value != negated)


def _literal(found: re.Match[str]) -> Literal | None:
    arguments, value = [one.strip() for one in found[2].split(",")], True
    if not all(arguments):
        return None
    if len(arguments) > 1 and arguments[-1].lower() in VALUES:
        value = VALUES[arguments.pop().lower()]
    return Literal((found[1], tuple(arguments)), value)


def _literals_in(line: str) -> tuple[Literal, ...]:
    """The literals anywhere in a line."""
    return tuple(one for found in LITERAL.finditer(line) if (one := _literal(found)) is not None)


def _facts_in(lines: Sequence[str]) -> tuple[Literal, ...]:
    found = (one for line in lines if ">>>" not in line for one in _literals_in(line))
    return tuple(one for one in found if not one.variables)


def _rules_in(lines: Sequence[str]) -> tuple[Rule, ...]:
    sides = ([_literals_in(side) for side in line.split(">>>")] for line in lines if ">>>" in line)
    rules = (Rule(each[0], each[1]) for each in sides if each[0] and each[1])
    return tuple(rule for rule in rules if _variables(rule.head) <= _variables(rule.body))


def _query_in(line: str) -> Literal:
    """The first literal of the query; a capital letter in the place of its value asks for one."""
    found = _literals_in(line)
    if not found or found[0].variables or re.fullmatch("[A-Z]", found[0].atom[1][-1]):
        raise Unreadable(f"the query must be like Quiet(Bob, True); got {line!r}")
    return found[0]


def _variables(literals: Sequence[Literal]) -> frozenset[str]:
    return frozenset().union(*(one.variables for one in literals))


def derived(facts: Sequence[Literal], rules: Sequence[Rule]) -> dict[Atom, bool]:
    """Everything that follows; what is said first stands where facts or rules contradict each other.

    Raises:
        Unreadable: more follows than can be kept, or the rules match in more ways than can be tried.
    """
    chain = Chain()
    new = list(facts)
    while new:
        chain.add(new)
        new = [
            Literal(atom, literal.value)
            for rule in rules
            for binding in chain.bindings(rule.body, {})
            for literal in rule.head
            if (atom := _put(literal.atom, binding)) not in chain.known
        ]
    return chain.known


class Chain:
    """What is known so far, and how it matches the bodies of rules."""

    def __init__(self) -> None:
        self.known: dict[Atom, bool] = {}
        self._index: dict[tuple[str, bool], list[Atom]] = {}
        self._tried = 0

    def add(self, literals: Sequence[Literal]) -> None:
        """Take in what is not known yet, one way or the other."""
        for one in literals:
            if one.atom not in self.known:
                self.known[one.atom] = one.value
                self._index.setdefault((one.atom[0], one.value), []).append(one.atom)
        if len(self.known) > MOST_FACTS:
            raise Unreadable(f"more than {MOST_FACTS:,} facts follow")

    def bindings(self, body: Sequence[Literal], binding: dict[str, str]) -> Iterator[dict[str, str]]:
        """Every way of naming the variables so that all of the body is known."""
        if not body:
            yield binding
            return
        first, rest = body[0], body[1:]
        for atom in self._index.get((first.atom[0], first.value), ()):
            self._tried += 1
            if self._tried > MOST_MATCHES:
                raise Unreadable(f"the rules match in more than {MOST_MATCHES:,} ways")
            if (wider := _matched(first.atom, atom, binding)) is not None:
                yield from self.bindings(rest, wider)


def _matched(pattern: Atom, atom: Atom, binding: dict[str, str]) -> dict[str, str] | None:
    """The binding widened so that the pattern is the atom, or None."""
    if len(pattern[1]) != len(atom[1]):
        return None
    wider = dict(binding)
    for wanted, got in zip(pattern[1], atom[1], strict=True):
        if wanted != got and (not wanted.startswith("$") or wider.setdefault(wanted, got) != got):
            return None
    return wider


def _put(atom: Atom, binding: Mapping[str, str]) -> Atom:
    """The atom with its variables named."""
    return atom[0], tuple(binding.get(one, one) for one in atom[1])
