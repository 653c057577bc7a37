"""The last part of `franken demo`: a checkpoint is damaged and repairs itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from franken.cli.ckpt_show import picture, size_text

FLIPPED = 40_000  # the byte in which one bit is flipped
CUT = range(90_000, 94_000)  # bytes that are cut out, so that all that follows moves


def damage(path: Path) -> None:
    """Flip one bit of a file and cut some thousand bytes out of it."""
    data = bytearray(path.read_bytes())
    data[FLIPPED] ^= 1
    del data[CUT.start : CUT.stop]
    path.write_bytes(data)


def run(model: Any, console: Any) -> dict[str, Any]:
    """Save, protect, damage, verify, repair and load; returns what was measured."""
    import franken
    from franken.cli.training import weights_digest
    from franken.serialization.durability import protect, repair, verify

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.franken")
        franken.save(model.state_dict(), path)
        made = protect(path, redundancy=0.1)
        console.print(f"   saved {size_text(made.size)}, sidecar {size_text(made.sidecar_size)}; "
                      f"then one bit flipped, {len(CUT)} bytes cut out")  # fmt: skip
        damage(path)
        found = verify(path)
        picture(found, console)
        repaired = repair(path)
        loaded = franken.load(path)
    model.load_state_dict(loaded)
    console.print(f"   {found.status}: {repaired.symbols_recovered} of {len(found.strip)} pieces "
                  f"rebuilt, weights SHA-256 {weights_digest(model)[:16]}...")  # fmt: skip
    return {
        "found": found.status, "damaged_tensors": found.damaged_tensors,
        "symbols_recovered": repaired.symbols_recovered,
        "ok": found.status == "repairable" and repaired.digest == made.digest,
        "weights_sha256": weights_digest(model),
    }  # fmt: skip
