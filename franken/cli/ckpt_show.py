"""How `franken ckpt` shows a file: the picture, and the tables of tensors, blocks and members.

Knows reports and a console; reads no file.
"""

from __future__ import annotations

import sys
from typing import Any

WIDTH = 80  # cells in one line of the picture, at most
_LINES = 4
_ROWS = 20  # of a table; the rest is counted

# state -> (cell, cell of a terminal without Unicode, style, what it means)
CELLS = {
    0: ("█", "#", "green", "intact"),
    1: ("»", ">", "cyan", "moved"),
    2: ("▒", "r", "yellow", "damaged, repairable"),
    3: ("×", "X", "bold red", "lost"),
}
STYLES = {"intact": "green", "repairable": "yellow", "lost": "bold red", "not proven": "cyan",
          "missing": "yellow"}  # fmt: skip


def console(quiet: bool = False) -> Any:
    """Return the console of standard output, without colours when it is not a terminal."""
    from rich.console import Console

    return Console(quiet=quiet, highlight=False, markup=True, emoji=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return a text from a file so that it cannot steer a terminal.

    >>> printable("a" + chr(27) + "[2J")
    'a\\\\x1b[2J'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def safe(text: str) -> str:
    """Return a text that is printed as it is, though it may look like markup."""
    from rich.markup import escape

    return escape(printable(text))


def size_text(size: float) -> str:
    """Return a size for people.

    >>> size_text(999), size_text(1_500_000), size_text(64 << 20)
    ('999 B', '1.5 MB', '67.1 MB')
    """
    power = min(3, (len(str(int(size))) - 1) // 3)
    digits = size / 1000**power
    number = f"{digits:.3g}" if digits < 999.5 else f"{digits:,.0f}"
    return f"{number} {('B', 'kB', 'MB', 'GB')[power]}"


def picture_lines(cells: list[int], width: int, plain: bool) -> list[list[tuple[str, str]]]:
    """Return the lines of the picture as runs of (text, style).

    >>> picture_lines([0, 0, 2], 2, True)
    [[('##', 'green')], [('r', 'yellow')]]
    """
    lines = []
    for first in range(0, len(cells), width):
        runs: list[tuple[str, str]] = []
        for state in cells[first : first + width]:
            glyph, style = CELLS[state][1 if plain else 0], CELLS[state][2]
            if runs and runs[-1][1] == style:
                runs[-1] = (runs[-1][0] + glyph, style)
            else:
                runs.append((glyph, style))
        lines.append(runs)
    return lines


def picture(report: Any, out: Any) -> None:
    """Print the file as cells from front to end, and what the cells mean."""
    from rich.text import Text

    symbols = len(report.strip)
    if not symbols:
        return
    width = max(1, min(WIDTH, out.width - 3))
    # One line says enough of a file without damage.
    lines = min(_LINES, -(-symbols // width)) if any(report.strip) else 1
    plain = not _unicode()
    for runs in picture_lines(report.cells(width * lines), width, plain):
        out.print(Text.assemble("  ", *runs))
    legend = Text("  ")
    for state, (glyph, ascii_glyph, style, meaning) in CELLS.items():
        if count := report.strip.count(state):
            legend.append(ascii_glyph if plain else glyph, style)
            legend.append(f" {meaning} {count}   ")
    legend.append(f"({symbols} symbols of {report.symbol} bytes)")
    out.print(legend)


def _unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def table(out: Any, title: str, heads: list[str], rows: list[list[str]], left: int = 1) -> None:
    """Print rows under heads, the first ``left`` columns to the left; long tables are cut."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, head in enumerate(heads):
        justify: Any = "left" if number < left else "right"
        shown.add_column(head, justify=justify, overflow="fold", no_wrap=number > 0)
    for row in rows[:_ROWS]:
        # As Text: a tensor's name may look like markup.
        shown.add_row(*(Text(printable(each), STYLES.get(each, "")) for each in row))
    # In a file nothing is folded: lines are for other programs there.
    width = None if out.is_terminal else max(500, out.width)
    out.print(shown, width=width, soft_wrap=False)
    if len(rows) > _ROWS:
        out.print(f"  ... and {len(rows) - _ROWS} more; --json has all")


def verdict(status: str) -> str:
    """Return the status with its colour, as markup."""
    return f"[{STYLES.get(status, 'bold')}]{status.upper()}[/]"


def shape_text(shape: Any) -> str:
    """Return a shape as people write it.

    >>> shape_text((2, 3)), shape_text(())
    ('2 x 3', 'scalar')
    """
    return " x ".join(map(str, shape)) or "scalar"


def show_report(report: Any, out: Any) -> None:
    """Print a VerifyReport: verdict, picture, and tables of what is not intact."""
    out.print(f"{verdict(report.status)}  {safe(report.path)}: {report.format}, "
              f"{size_text(report.size)}, {len(report.tensors)} tensors")  # fmt: skip
    picture(report, out)
    for note in report.notes:
        out.print(f"  note: {safe(note)}")
    if report.status in ("intact", "not proven"):
        return
    table(
        out, "tensors", ["tensor", "state", "dtype", "shape", "bytes"],
        [[t.name, t.state, t.dtype, shape_text(t.shape), f"{t.begin:,} - {t.end:,}"]
         for t in report.tensors if t.state != "intact"], left=2,
    )  # fmt: skip
    table(
        out, "blocks", ["block", "state", "symbols", "lost", "repair left", "repair made"],
        [[str(number), "repairable" if b.repairable else "lost", str(b.symbols), str(b.lost),
          str(b.spare), str(b.repair)]
         for number, b in enumerate(report.blocks) if b.lost or b.spare < b.repair], left=2,
    )  # fmt: skip
    if len(report.members) > 1:
        table(
            out, "files", ["file", "state", "bytes"],
            [[m.name, m.state, f"{m.size:,}"] for m in report.members if m.state != "intact"],
            left=2,
        )  # fmt: skip
