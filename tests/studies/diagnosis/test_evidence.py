"""Evidence refuses columns that are not about its examples."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.studies.diagnosis.made import column, evidence, said, task

from underdog.errors import ContractError


def test_greedy_columns_must_hold_every_example_in_order() -> None:
    of = task(5)
    whole = evidence(of, said(of, [True] * 5), said(of, [True] * 5))
    turned = replace(whole.greedy["small"], examples=whole.greedy["small"].examples[::-1])
    with pytest.raises(ContractError, match="greedy of small must hold one trial of each of the 5 examples"):
        replace(whole, greedy={**whole.greedy, "small": turned})
    with pytest.raises(ContractError, match="greedy must hold 'large'; it holds small"):
        replace(whole, greedy={"small": whole.greedy["small"]})


def test_draws_and_probes_may_be_of_fewer_examples_but_not_of_others() -> None:
    of, few = task(5), task(3)
    whole = evidence(of, said(of, [True] * 5), said(of, [True] * 5))
    part = column(few, "small", said(few, [True] * 3))
    assert replace(whole, draws={"small": part}, probes={"shots": {"small": part}}).draws["small"] is part
    strange = replace(part, examples=("q0", "q1", "elsewhere"))
    with pytest.raises(ContractError, match="shots of small must hold equally many trials of some of"):
        replace(whole, probes={"shots": {"small": strange}})
