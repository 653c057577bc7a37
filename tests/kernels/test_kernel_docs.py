"""docs/kernels.md: current with registry and artifacts, and honest about what is not proven."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conformance import kernel_docs, kernel_report

ROOT = Path(__file__).resolve().parents[2]
KERNELS = [
    {"kernel": "one_kernel", "family": "ones", "source": "A paper | 1999"},
    {"kernel": "two_kernel", "family": "twos", "source": "Another"},
]
COMPILED = {
    "family": "ones", "types": ["bf16", "fp32", "i64"], "variants": 1, "shared": 0, "local": 0,
    "arch": 80, "instructions": [], "failures": [],
}  # fmt: skip
ON_90 = {"arch": 90, "registers": 44, "local": 8, "instructions": ["wgmma"], "variants": 2}
FOUND = {
    "compiled": [
        {**COMPILED, "kernel": "one_kernel", "registers": 30},
        {**COMPILED, **ON_90, "kernel": "one_kernel"},
        {**COMPILED, "kernel": "made_kernel", "registers": 12},
    ],
    "interpreted": [
        {"op": "one", "family": "ones", "kernels": ["one_kernel"], "samples": 5, "max_ulps": 1.5},
        {"op": "uno", "family": "ones", "kernels": ["one_kernel"], "samples": 2, "max_ulps": 0.5},
    ],
    "cards": [],
}
CARD = {
    "card": "NVIDIA H200", "versions": {"cupy": "14.2"}, "ceilings": {"copy_gbps": 4000.0},
    "checks": [{"op": "one", "failures": [], "max_ulps": 1.25}],
    "bench": [{"op": "one", "family": "ones", "case": "big", "ms": 0.5, "gbps": 3600.0,
               "copy_share": 0.9, "target": "85% of copy bandwidth", "met": True}],
}  # fmt: skip


def row(page, start):
    return next(line for line in page.splitlines() if line.startswith(f"| {start}"))


def test_the_page_is_what_would_be_written():
    script = "from conformance import kernel_docs as d; "
    script += "print(d.page(d.registry(), d.evidence()), end='')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    written = (ROOT / kernel_docs.PAGE).read_text()
    assert written == done.stdout, "run `python -m conformance kernels --docs`"


def test_a_row_gathers_a_kernels_evidence():
    page = kernel_docs.page(KERNELS, FOUND)
    cells = [c.strip() for c in row(page, "`one_kernel`").replace("\\|", "/").split("|")[1:-1]]
    want = ["`one_kernel`", "A paper / 1999", "fp32 bf16", "3", "44", "0", "8"]
    assert cells == [*want, "wgmma@90", "7", "1.50", "NOT PROVEN"]
    assert row(page, "1 written from expressions").endswith("NOT PROVEN |")


def test_what_was_never_checked_shows_nothing():
    cells = row(kernel_docs.page(KERNELS, FOUND), "`two_kernel`").split("|")
    assert [c.strip() for c in cells[3:-1]] == [
        "-", "0", "-", "-", "-", "-", "0", "-", "NOT PROVEN",
    ]  # fmt: skip


def test_a_cards_evidence_is_shown():
    page = kernel_docs.page(KERNELS, {**FOUND, "cards": [CARD]})
    assert row(page, "`one_kernel`").endswith("NVIDIA H200: 1.25 ulps, 90% of copy |")
    assert row(page, "`two_kernel`").endswith("NOT PROVEN |")
    assert row(page, "ones.one").endswith("| 90% | - | - | 85% of copy bandwidth | yes |")
    failed = {**CARD, "checks": [{"op": "one", "failures": ["x"], "max_ulps": 9.0}]}
    page = kernel_docs.page(KERNELS, {**FOUND, "cards": [failed]})
    assert "NVIDIA H200: 1 FAILED" in row(page, "`one_kernel`")


def test_evidence_is_read_from_the_artifacts(tmp_path):
    assert kernel_docs.evidence(tmp_path) == {"compiled": [], "interpreted": [], "cards": []}
    folder = tmp_path / kernel_docs.GPU_EVIDENCE / "h200"
    folder.mkdir(parents=True)
    (folder / "kernels.json").write_text('{"card": "x"}')
    assert kernel_docs.evidence(tmp_path)["cards"] == [{"card": "x"}]


def test_compiled_rows_are_recorded_a_kernel_and_architecture():
    row = {
        "family": "ones", "kernel": "one_kernel", "arch": 90, "signature": "*i64,*bf16,i32",
        "constants": "BLOCK=8,KIND=fp32", "registers": 30, "shared": 0, "local": 8,
        "instructions": ("wgmma",), "problems": ["no bits"],
    }  # fmt: skip
    error = {"family": "ones", "kernel": "one_kernel", "arch": 90, "error": "no"}
    (got,) = kernel_report.summary([row, {**row, "registers": 44, "problems": []}, error])
    assert got["variants"] == 2 and got["registers"] == 44 and got["instructions"] == ["wgmma"]
    assert got["types"] == ["bf16", "fp32", "i64"] and len(got["failures"]) == 2
