"""`python -m benchmarks.durability_grid`: how fast RaptorQ codes, by block and symbol size.

Processor time of one process on 32 MiB, the best of five rounds, which take turns so that load
falls on all alike. Decoding has 1 % of the symbols lost. Beside the speed stand its prices: what
the sidecar takes, and how likely scattered losses are to hit one block more than it can bear.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import click

from franken.serialization.durability.coding import decode, encode
from franken.serialization.durability.geometry import SPARE

OUT = Path("artifacts/perf/durability_grid.json")
SIZE = 32 << 20
REDUNDANCY = 0.05
BLOCKS = (128, 256, 512, 1024)
SYMBOLS = (4096, 8192, 16384)
# Above, RFC 6330 4.4.1.2 cuts sub-blocks.
MAX_BYTES = 10 << 20


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(rounds: int, out: Path) -> None:
    """Measure and write the grid."""
    data = os.urandom(SIZE)
    cells = [(k, symbol) for k in BLOCKS for symbol in SYMBOLS if k * symbol <= MAX_BYTES]
    best = dict.fromkeys(cells, (math.inf, math.inf))
    for _ in range(rounds):
        for cell in cells:
            best[cell] = tuple(map(min, best[cell], seconds(data, *cell)))  # type: ignore[assignment]
    rows = [row(k, symbol, *best[k, symbol]) for k, symbol in cells]
    for each in rows:
        click.echo(json.dumps(each))
    report = {"schema": "franken.durability_grid/1", "redundancy": REDUNDANCY, "rounds": rounds,
              "bytes": SIZE, "load": os.getloadavg()[0], "rows": rows}  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def seconds(data: bytes, k: int, symbol: int) -> tuple[float, float]:
    """Return the seconds of a processor to encode and to decode ``data``."""
    repair = math.ceil(k * REDUNDANCY) + SPARE
    blocks = [data[at : at + k * symbol] for at in range(0, len(data), k * symbol)]
    coded: list[list[bytes]] = []
    encoding = _timed(lambda: coded.extend(encode(each, symbol, repair) for each in blocks))
    lost = max(1, k // 100)
    received = [
        [None] * lost + [each[at : at + symbol] for at in range(lost * symbol, len(each), symbol)]
        for each in blocks
    ]
    decoding = _timed(lambda: [decode(*each, symbol)
                               for each in zip(received, coded, strict=True)])  # fmt: skip
    return encoding, decoding


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def row(k: int, symbol: int, encoding: float, decoding: float) -> dict[str, object]:
    """Return the row of one cell."""
    repair = math.ceil(k * REDUNDANCY) + SPARE
    return {
        "k": k, "symbol": symbol, "encode_mb_per_cpu_s": round(SIZE / encoding / 1e6),
        "decode_mb_per_cpu_s": round(SIZE / decoding / 1e6),
        "repair_share": round(repair / k, 4),
        "one_block_fails_at_2_percent": fails(k, repair - SPARE, 0.02),
        "a_gib_fails_at_2_percent": 1 - (1 - fails(k, repair - SPARE, 0.02)) ** (
            (1 << 30) / (k * symbol)),
    }  # fmt: skip


def fails(k: int, bears: int, p: float) -> float:
    """Return the probability that more than ``bears`` of ``k`` symbols are lost, each with ``p``.

    >>> f"{fails(1024, 52, 0.02):.1e}"
    '8.9e-10'
    """
    return sum(math.comb(k, n) * p**n * (1 - p) ** (k - n) for n in range(bears + 1, k + 1))


if __name__ == "__main__":
    main()
