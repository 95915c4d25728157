"""A Markdown table, and the mark that says whether a simulated rate agrees with what was claimed."""

from __future__ import annotations

from dataclasses import dataclass, field

from scipy.stats import binom


@dataclass
class Table:
    """A title, a header, rows of cells as they are printed."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """One row."""
        self.rows.append(tuple(str(cell) for cell in cells))

    def text(self) -> str:
        """The table as Markdown with its columns aligned."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        body = [
            "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines
        ]
        body.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"\n## {self.title}\n", *body])


def at_least(hits: int, runs: int, claimed: float) -> str:
    """ "ok" unless so few hits are incredible (1 %, one-sided) were the claim true."""
    return "ok" if binom.cdf(hits, runs, claimed) > 0.01 else "BELOW"


def at_most(hits: int, runs: int, claimed: float) -> str:
    """ "ok" unless so many hits are incredible (1 %, one-sided) were the claim true."""
    return "ok" if binom.sf(hits - 1, runs, claimed) > 0.01 else "ABOVE"


def percent(share: float) -> str:
    """One decimal."""
    return f"{100 * share:.1f} %"
