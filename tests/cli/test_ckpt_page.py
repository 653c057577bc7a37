"""docs/checkpoints.md says what its commands print, and its digest is the one that is stored."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import durability_page as page
from franken.serialization.durability import protect


def test_the_page_is_what_its_commands_print_now() -> None:
    assert page.stale(page.PAGE.read_text()) == []


def test_a_stale_page_is_found_out() -> None:
    text = "<!-- step: torch -->\n```console\n$ franken ckpt convert model.pt a.npz\nNOTHING\n```\n"
    difference = page.stale(text)
    assert "-NOTHING" in difference
    assert any(line.startswith("+CONVERTED  model.pt") for line in difference)
    assert page.stale(page.render(text)) == []


def test_the_digest_on_the_page_is_the_one_in_the_sidecar(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(import hashlib.*?)```", page.PAGE.read_text(), re.DOTALL)
    space: dict[str, object] = {}
    exec(code, space)
    for size in (0, 1, 8192, 100_001):
        path = tmp_path / f"{size}.bin"
        path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
        report = protect(path)
        assert space["digest"](path, report.symbol) == report.digest  # type: ignore[operator]
