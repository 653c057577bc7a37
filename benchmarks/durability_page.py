"""`python -m benchmarks.durability_page`: run the commands of docs/checkpoints.md and compare.

The page's console blocks are run in their order, in one empty folder; `<!-- step: NAME -->` does
what a reader's disk does between them, and tables stand between `<!-- table: NAME -->` and
`<!-- end -->`, made from artifacts/perf. Seconds may differ; a line `...` stands for any lines.
Exit code 1 if the page is stale; with --write the page is brought up to date.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner

PAGE = Path(__file__).parent.parent / "docs" / "checkpoints.md"
PERF = Path(__file__).parent.parent / "artifacts" / "perf"
_PARTS = re.compile(
    r"<!-- step: (?P<step>[\w ]+) -->|```console\n(?P<console>.*?)```"
    r"|(?P<open><!-- table: (?P<table>\w+) -->\n).*?(?P<close><!-- end -->)",
    re.DOTALL,
)


# -- what happens between the commands --


def step_model() -> None:
    """Write a model: 4 layers of an attention and an MLP weight."""
    from franken.serialization import safetensors

    chance = np.random.default_rng(0)
    tensors = {}
    for layer in range(4):
        for name, shape in (("attention", (512, 512)), ("mlp", (512, 1024))):
            values = chance.standard_normal(shape, np.float32)
            tensors[f"layers.{layer}.{name}.weight"] = values
    safetensors.save_file(tensors, "model.safetensors")


def step_accidents() -> None:
    """Flip one bit, zero 150,000 bytes, and cut 50,000 bytes out."""
    path = Path("model.safetensors")
    data = bytearray(path.read_bytes())
    data[1_000_000] ^= 1
    data[5_000_000:5_150_000] = bytes(150_000)
    del data[7_000_000:7_050_000]
    _write(path, data)


def step_loss() -> None:
    """Zero 12 % of the model."""
    path = Path("model.safetensors")
    data = bytearray(path.read_bytes())
    data[4_000_000:5_500_000] = bytes(1_500_000)
    _write(path, data)


def step_shards() -> None:
    """Make the model anew, and a set of four shards with an index."""
    from franken.serialization import safetensors

    step_model()
    Path("shards").mkdir()
    chance = np.random.default_rng(1)
    names = {}
    for shard in range(4):
        file = f"model-{shard}.safetensors"
        values = chance.standard_normal((512, 1024), np.float32)
        safetensors.save_file({f"layer.{shard}.weight": values}, Path("shards", file))
        names[f"layer.{shard}.weight"] = file
    Path("shards", "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def step_torch() -> None:
    """Write files as torch does, and remove the files that a command of the page makes."""
    from franken.serialization.formats.writers import write_torch

    arrays = {f"{layer}.weight": np.full((100, 100), layer, np.float32) for layer in range(5)}
    write_torch("model.pt", arrays)
    write_torch("before.pt", arrays)
    arrays["2.weight"] = arrays["2.weight"] + np.float32(1e-6)
    write_torch("after.pt", arrays)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    # A clock may not have moved on since the file was protected.
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000_000))


STEPS = {"model": step_model, "accidents": step_accidents, "loss": step_loss,
         "shards": step_shards, "torch": step_torch}  # fmt: skip


# -- tables --


def _artifact(name: str) -> dict[str, object]:
    return json.loads((PERF / f"{name}.json").read_text())


def _rows(heads: list[str], rows: list[list[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def table_speed() -> str:
    """Return franken and par2 side by side."""
    report = _artifact("durability")
    rows = []
    for step in ("protect", "verify", "repair"):
        cells: list[object] = [step]
        for tool in ("franken", "par2"):
            row = report["rows"][f"{tool} {step}"]  # type: ignore[index]
            cells += [row[key] for key in ("seconds", "mb_per_s", "best_mb_per_s", "cpu_seconds",
                                           "mb_per_cpu_s", "peak_mb_together")]  # fmt: skip
        ratios = [report[f"times_{what}_than_par2"][step]  # type: ignore[index]
                  for what in ("faster", "less_cpu")]  # fmt: skip
        rows.append(cells + ratios)
    of = ["s", "MB/s", "best MB/s", "CPU s", "MB a CPU s", "peak MB"]
    return _rows(["", *[f"franken: {of[0]}", *of[1:]], *[f"par2: {of[0]}", *of[1:]],
                  "par2 / franken: s", "CPU s"], rows)  # fmt: skip


def table_large() -> str:
    """Return the run on the large file."""
    rows = _artifact("durability_large")["rows"]
    return _rows(
        ["", "s", "CPU s", "MB a CPU s", "peak MB of all processes together"],
        [[step, *(rows[f"franken {step}"][key] for key in  # type: ignore[index]
                  ("seconds", "cpu_seconds", "mb_per_cpu_s", "peak_mb_together"))]
         for step in ("protect", "verify", "repair")],
    )  # fmt: skip


def table_grid() -> str:
    """Return speed, size and risk by block and symbol size."""
    rows = _artifact("durability_grid")["rows"]
    return _rows(
        ["K", "T", "encode", "decode", "repair symbols", "1 GiB fails, 2 % lost at random"],
        [[row["k"], row["symbol"], row["encode_mb_per_cpu_s"], row["decode_mb_per_cpu_s"],
          f"{row['repair_share']:.1%}", f"{row['a_gib_fails_at_2_percent']:.2g}"]
         for row in rows],  # type: ignore[attr-defined]
    )  # fmt: skip


def table_fuzz() -> str:
    """Return cases and outcomes of the fuzzers."""
    lines = []
    for name, row in sorted(_artifact("durability_fuzz")["rows"].items()):  # type: ignore[attr-defined]
        engine, target = name.split(" ", 1)
        sound = sum(row["outcomes"].get(key, 0) for key in
                    ("read", "intact", "repairable", "lost"))  # fmt: skip
        lines.append([target, engine, row["cases"], sound, row["cases"] - sound,
                      row["slowest_s"], row["peak_mb"]])  # fmt: skip
    return _rows(["target", "engine", "cases", "read", "refused", "slowest, s", "peak MB"], lines)


TABLES = {"speed": table_speed, "large": table_large, "grid": table_grid, "fuzz": table_fuzz}


# -- the page --


def render(page: str) -> str:
    """Return the page with the output of its commands and its tables as they are now."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        return _PARTS.sub(_part, page)


def _part(match: re.Match[str]) -> str:
    if step := match["step"]:
        STEPS[step]()
        return match[0]
    if table := match["table"]:
        return f"{match['open']}{TABLES[table]()}{match['close']}"
    return "```console\n" + "".join(_session(match["console"])) + "```"


def _session(text: str) -> Iterator[str]:
    """Yield the commands of a block, each with its output.

    Of those with a comment the output is not shown; they end with the exit code in it, or 0.
    """
    for part in re.split(r"(?m)^(?=\$ )", text):
        command, _, shown = part.partition("\n")
        if not command:
            continue
        output, code = run(command[2:])
        yield command + "\n"
        if "#" not in command:
            yield elided(shown, output)
        elif code != (promised := int(re.findall(r"exit code (\d)|$", command)[0] or 0)):
            yield f"it ended with exit code {code}, not {promised}\n"


def run(command: str) -> tuple[str, int]:
    """Run one command of the page and return what it prints, and its exit code."""
    from franken.cli import main

    words = shlex.split(command, comments=True)
    if words[0] == "rm":
        for name in words[1:]:
            Path(name).unlink()
        return "", 0
    if words[0] != "franken":
        raise click.ClickException(f"{command}: the page knows franken and rm")
    result = CliRunner(env={"COLUMNS": "100"}).invoke(main, words[1:])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output, result.exit_code


def elided(shown: str, output: str) -> str:
    """Return the output with `...` for what ``shown`` leaves out: as many lines stay at each end.

    >>> print(elided("a\\n...\\nz\\n", "A\\nb\\nc\\nZ\\n"), end="")
    A
    ...
    Z
    """
    lines = [line.rstrip() for line in output.splitlines()]
    blank = "\n" if shown.endswith("\n\n") else ""
    if "...\n" not in shown:
        return "".join(f"{line}\n" for line in lines) + blank
    parts = re.split(r"(?m)^\.\.\.\n", shown.rstrip("\n") + "\n")
    kept: list[str] = []
    at = 0
    for number, part in enumerate(parts):
        count = len(part.splitlines())
        begin = at if number == 0 else _find(lines, part, at, number == len(parts) - 1)
        kept += ["..."] * (number > 0) + lines[begin : begin + count]
        at = begin + count
    return "\n".join(kept) + "\n" + blank


def _find(lines: list[str], part: str, at: int, last: bool) -> int:
    wanted = part.splitlines()
    if last:
        return max(at, len(lines) - len(wanted))
    found = [n for n in range(at, len(lines)) if lines[n].split()[:1] == wanted[0].split()[:1]]
    return found[0] if found else at


def masked(text: str) -> str:
    """Return a text without the seconds that differ from run to run.

    >>> masked("rebuilt in 1.54 s, 3.01 MB")
    'rebuilt in # s, 3.01 MB'
    """
    return re.sub(r"\b\d+\.\d\d s\b", "# s", text)


def stale(page: str) -> list[str]:
    """Return the difference between a page and what its commands print now; none if it is true."""
    return list(difflib.unified_diff(
        masked(page).splitlines(), masked(render(page)).splitlines(), "page", "now", lineterm=""
    ))  # fmt: skip


@click.command()
@click.option("--write", is_flag=True, help="Bring the page up to date.")
def main(write: bool) -> None:
    """Compare the page with what its commands print now."""
    page = PAGE.read_text()
    difference = stale(page)
    click.echo("\n".join(difference) or "the page is true")
    if difference and write:
        PAGE.write_text(render(page))
    raise SystemExit(1 if difference and not write else 0)


if __name__ == "__main__":
    main()
