"""The paper that all pages are written on: a console of at most 100 columns, tables, notes in the margin.

Knows nothing of findings. Everything is legible without colour, and texts are never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 100
_MARGIN = 13


def page(**options: Any) -> Console:
    """A console for pages: as wide as the terminal, at most 100 columns; 100 for files and pipes."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, **options)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    return console


def put(console: Console, sections: Iterable[Sequence[RenderableType]]) -> None:
    """Print sections with an empty line before each that has something in it."""
    for section in sections:
        if section:
            console.print()
        for part in section:
            console.print(part)


def notes(lines: Iterable[tuple[str, str | Text]]) -> Table:
    """Texts with their labels in the margin; long texts wrap beside it."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=0)
    grid.add_column(width=_MARGIN)
    grid.add_column()
    for label, text in lines:
        grid.add_row(Text(label, "bold"), Text(text) if isinstance(text, str) else text)
    return grid


def entries(lines: Sequence[tuple[str, str]]) -> Table:
    """Names with a text each, indented like the rows of a table; long texts wrap beside the name."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=2)
    grid.add_column()
    grid.add_column()
    for name, text in lines:
        grid.add_row("", Text(name), Text(text, "dim"))
    return grid


def table(headings: Sequence[str]) -> Table:
    """An empty table: a column for a mark, one for a name, then these, right-aligned."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, pad_edge=False)
    made.add_column("", width=1, no_wrap=True)
    made.add_column("", ratio=1, overflow="fold")
    for name in headings:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def title(name: str, about: str) -> Text:
    """The line above a table: its name and what it is about."""
    from rich.text import Text

    return Text.assemble((name, "bold"), "  ", (about, "dim"))
