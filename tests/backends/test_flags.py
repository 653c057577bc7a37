"""torch.backends: what is there, and what flags say of a machine without a card."""

from __future__ import annotations

import franken as torch


def test_no_library_of_torchs_is_called():
    for name in ("mkl", "mkldnn", "mps"):
        assert getattr(torch.backends, name).is_available() is False, name
    assert torch.backends.mps.is_built() is False
    assert torch.backends.cudnn.is_available() is False


def test_legacy_storages_are_those_of_torch():
    oracle = __import__("pytest").importorskip("torch")
    for space in ("", "cuda"):
        ours, theirs = (getattr(lib, space) if space else lib for lib in (torch, oracle))
        have, want = (
            {n for n in dir(lib) if n.endswith("Storage") and not n.startswith("_")}
            for lib in (ours, theirs)
        )
        assert have == want, space
