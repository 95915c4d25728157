"""Watcher: what a maker tells while it works. This one says nothing; `report/` has those that show."""

from __future__ import annotations

from collections.abc import Mapping


class Watcher:
    """Told how far the making of a model is."""

    def training(self, what: str, steps: int) -> None:
        """A training begins or goes on, up to so many steps."""

    def trained(self, step: int, logs: Mapping[str, float]) -> None:
        """So many steps are done: the loss, and whatever else was logged."""

    def note(self, text: str) -> None:
        """Something worth a line."""
