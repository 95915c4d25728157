"""Where a study is carried out: spec, forecast, race, certify, judge. `run.py` is the order of it.

Public: `study(task, small=..., large=...)` and `load_study(path)`.
"""

from __future__ import annotations

from underdog.studies.run import Result, run, study
from underdog.studies.session import Settings
from underdog.studies.spec import Spec, load_study

__all__ = ["Result", "Settings", "Spec", "load_study", "run", "study"]
