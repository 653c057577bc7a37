"""Kernels that are executed again on the same arrays give the same bits, and a change is seen."""

from __future__ import annotations

import pickle

from conformance import portability


def test_the_same_place_gives_the_same_bits_and_another_value_does_not(tmp_path):
    calls = portability._step()
    path = tmp_path / "calls"
    path.write_bytes(pickle.dumps(calls))
    rows = portability._again(str(path))
    assert {"convolution_biased", "cross_entropy", "adam_step"} <= rows.keys()
    assert all(not differing for _, differing, _ in rows.values())
    name, given, params, gave = next(call for call in calls if call[0] == "relu")
    gave[0, 0] += 1
    path.write_bytes(pickle.dumps([(name, given, params, gave)]))
    rows = portability._again(str(path))
    assert rows["relu"][:2] == [1, 1] and rows["relu"][2] > 1
    assert "| `relu` | 1 | 1 (" in portability.page({"here": rows})
