"""Many texts as vectors by a named model, outside any study: acts that are recorded, so paid for once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from underdog.acts import Acts
from underdog.answerer import Act, Failure
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.errors import DataError
from underdog.levers.route import EMBED
from underdog.routing.embeddings import Vectors
from underdog.store import Bank, Store

_BATCH = 64


async def embedded(texts: Sequence[str], model: str, store: Path, run: str) -> Vectors:
    """The vectors of texts, shape (n, d), recorded in a store as acts of a run.

    Raises:
        DataError: the embedder failed, or its vectors differ in length.
        ConfigError: the model cannot be bound, or gives no vectors.
    """
    distinct = list(dict.fromkeys(texts))
    batches = [distinct[start : start + _BATCH] for start in range(0, len(distinct), _BATCH)]
    binder = Binder()
    with Store(store) as kept:
        kept.start_run(run, {"embedder": model})
        async with Acts(binder) as acts, Driver(binder, Bank(kept, run), tools=acts) as driver:
            rows: list[Any] = []
            for batch in batches:
                trail = await driver.act(Act(EMBED, {"model": model, "texts": batch}))
                if isinstance(trail.result, Failure):
                    raise DataError(f"embedder {model}: {trail.result.message}")
                rows += trail.result
        kept.finish_run(run)
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"embedder {model}: its vectors differ in length")
    place = {text: i for i, text in enumerate(distinct)}
    return np.array(rows, dtype=np.float32)[[place[text] for text in texts]]
