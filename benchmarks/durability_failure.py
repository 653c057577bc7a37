"""`python -m benchmarks.durability_failure`: how often does decoding fail, by symbols to spare?

Codes blocks of random bytes, loses symbols of source and repair at random, and counts the blocks
that do not come back. A block that comes back different would be an error and ends the run.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import click

from franken.serialization.durability.coding import decode, encode

OUT = Path("artifacts/perf/durability_failure.json")
SYMBOL = 64
SIZES = (64, 256, 1024)


@click.command()
@click.option("--trials", default=1000, show_default=True, help="Blocks for each row.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(trials: int, seed: int, out: Path) -> None:
    """Print and write the table of failures by K, R, and repair symbols to spare."""
    rows = []
    click.echo(f"{'K':>5} {'R':>4} {'lost':>5} {'spare':>5} {'failures':>9} {'trials':>7}")
    for count in SIZES:
        repair = count * 5 // 100 + 2
        for spare in (-1, 0, 1, 2):
            row = {"K": count, "R": repair, "lost": repair - spare, "spare": spare,
                   "failures": failures(count, repair, repair - spare, trials, seed),
                   "trials": trials}  # fmt: skip
            rows.append(row)
            click.echo("{K:>5} {R:>4} {lost:>5} {spare:>5} {failures:>9} {trials:>7}".format(**row))
    out.parent.mkdir(parents=True, exist_ok=True)
    report = {"schema": "franken.durability_failure/1", "symbol": SYMBOL, "seed": seed,
              "rows": rows}  # fmt: skip
    out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def failures(count: int, repair: int, lost: int, trials: int, seed: int) -> int:
    """Return how many of ``trials`` blocks do not come back after ``lost`` source symbols went."""
    source = random.Random(f"{seed} {count} {lost}")
    failed = 0
    for trial in range(trials):
        if trial % 50 == 0:  # new bytes now and then: what can be solved depends on places alone
            data = source.randbytes(count * SYMBOL)
            coded = encode(data, SYMBOL, repair)
        gone = set(source.sample(range(count), lost))
        kept = [None if i in gone else data[i * SYMBOL : (i + 1) * SYMBOL] for i in range(count)]
        found = decode(kept, coded, SYMBOL)
        if found is not None and found != data:
            raise RuntimeError(f"K {count}, lost {lost}, trial {trial}: came back different")
        failed += found is None
    return failed


if __name__ == "__main__":
    main()
