"""Every error underdog raises on purpose.

    UnderdogError
    ├── UserError            the user can mend it; the command line prints its sentence and exits 2
    │   ├── DataError        a line of data is not what its task says
    │   ├── StudyError       a study file or its Python twin asks for what cannot be done
    │   │   └── Declined     fitting found that a lever is not worth having; the sentence says why
    │   ├── ConfigError      an endpoint alias, key or address is missing or malformed
    │   └── StoreError       a store is corrupt, full, locked by another run or of another version
    ├── BudgetSpent          the next call could overrun the budget; nothing was sent
    ├── AskFailed            raised inside a lever's steps when an ask came back as a Failure
    └── ContractError        a lever, engine or scorer broke the contract; says which rule

Messages are one sentence: what, where, what is allowed, what came, the next step. Everything else keeps
its traceback. A model that fails is not an exception at all: it is a `Failure`, recorded as data.
"""

from __future__ import annotations

from typing import Any


class UnderdogError(Exception):
    """The root: catch it to catch everything underdog raises on purpose."""


class UserError(UnderdogError):
    """Something the user can mend; shown without a traceback."""


class DataError(UserError):
    """A line of data is not what its task says."""


class StudyError(UserError):
    """A study asks for what cannot be done."""


class Declined(StudyError):
    """What there is to learn from does not speak for the lever; a study leaves it out and says so."""


class ConfigError(UserError):
    """An endpoint alias, key or address is missing or malformed."""


class StoreError(UserError):
    """A store is corrupt, full, locked by another run or of another version."""


class BudgetSpent(UnderdogError):
    """The next call could overrun the budget; it was not sent."""


class ContractError(UnderdogError):
    """A lever, engine or scorer broke the contract."""


class AskFailed(UnderdogError):
    """An ask came back as a Failure and the lever did not say that it catches it.

    `failure` is that `answerer.Failure`; errors stand below the contract and cannot name its type.
    """

    def __init__(self, failure: Any) -> None:
        super().__init__(failure.message)
        self.failure = failure
