"""How long a million questions take to fit and how long one decision takes, on made-up outcomes."""

from __future__ import annotations

import resource
import time

import numpy as np

from underdog.routing import Options, OutcomeTable, route
from underdog.routing.routers import Blend, Kernel, Neighbours, families
from underdog.routing.seen import Router

_WORDS = 20_000
_DECISIONS = 2_000


def report(n: int = 1_000_000, answerers: int = 4) -> str:
    """Fits and judges on n questions by `answerers`, then times single decisions."""
    table = made_up(n, answerers)
    began, clock = time.perf_counter(), time.process_time()
    routers: dict[str, list[Router]] = {
        "guarded kNN": [Neighbours(80, 0.25)],
        "blend": [Blend((Kernel(2.0, 3.0), Neighbours(80, 0.0)))],
        "category table": families(False, True)["category table"],
    }
    advice = route(table, options=Options(routers=routers))
    seconds, busy = time.perf_counter() - began, time.process_time() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = [
        f"{n:,} questions x {answerers}: {seconds:.0f} s, of them {busy:.0f} s on the CPU, {peak:.1f} GiB",
        str(advice),
    ]
    for one in advice.contenders:
        texts = table.questions[:_DECISIONS]
        one.policy.choose(texts[:1])
        clock = time.process_time()
        for text in texts:
            one.policy.choose([text])
        each = 1e3 * (time.process_time() - clock) / len(texts)
        lines.append(f"one decision, {one.row.name}: {each:.2f} ms of CPU, mean of {len(texts):,}")
    return "\n".join(lines)


def made_up(n: int, answerers: int, seed: int = 0) -> OutcomeTable:
    """Questions of about forty words from one of twenty subjects, in which answerers differ."""
    draw = np.random.default_rng(seed)
    words = np.array([f"w{i:x}" for i in range(_WORDS)])
    subject = draw.integers(0, 20, n)
    texts = []
    for start in range(0, n, 50_000):
        some = subject[start : start + 50_000]
        common = (draw.zipf(1.3, (len(some), 30)) - 1) % _WORDS
        own = 100 + 50 * some[:, None] + draw.integers(0, 50, (len(some), 10))
        texts += [" ".join(row) for row in words[np.hstack([own, common])]]
    skill = draw.uniform(0.3, 0.9, (20, answerers))
    scores = (draw.random((n, answerers)) < skill[subject]).astype(np.float64)
    names = tuple(map(str, range(n)))
    return OutcomeTable(
        questions=tuple(texts),
        ids=names,
        groups=names,
        categories=tuple(f"s{i}" for i in subject.tolist()),
        answerers=tuple(f"model {i}" for i in range(answerers)),
        scores=scores,
        costs=np.tile(np.arange(1.0, answerers + 1), (n, 1)),
    )
