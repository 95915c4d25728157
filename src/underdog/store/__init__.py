"""The bank of calls and the trials made of them: one SQLite file that all runs share.

`Store` is the file: find, record and reserve calls, keep trials, and tell runs and scores. `Bank` and
`Ledger` are the two faces of it that a driver writes to, for one run each; `MemoryBank` is a bank without a
file. A call is recorded when `record` returns and is never lost or paid for again, whatever kills the
process.

Not here: what a call's key is made of, when a call is retried and what a budget allows (`drive.py`).
"""

from underdog.store.notebook import Notebook
from underdog.store.scores import Scores
from underdog.store.sinks import Bank, Ledger, MemoryBank
from underdog.store.sqlite import DEFAULT_PATH, Run, Store

__all__ = ["DEFAULT_PATH", "Bank", "Ledger", "MemoryBank", "Notebook", "Run", "Scores", "Store"]
