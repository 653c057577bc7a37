"""Flags of torch.backends: kept for a block, put back, checked and frozen as in torch."""

from __future__ import annotations

import pytest
import torch

import franken

ALL = 99  # words of an error
NAMES = ["mkldnn.enabled", "mkldnn.deterministic", "mkldnn.fp32_precision",
         "mkldnn.conv.fp32_precision", "cudnn.enabled", "cudnn.benchmark", "cudnn.deterministic",
         "cudnn.allow_tf32", "cudnn.fp32_precision", "cudnn.conv.fp32_precision",
         "cudnn.depthwise_kernel", "opt_einsum.enabled", "opt_einsum.strategy",
         "miopen.immediate", "fp32_precision"]  # fmt: skip


def values(t):
    found = {}
    for name in NAMES:
        place = t.backends
        for part in name.split("."):
            place = getattr(place, part)
        found[name] = place
    return found


BLOCKS = [
    ("mkldnn", {}), ("mkldnn", {"enabled": True}), ("mkldnn", {"deterministic": True}),
    ("mkldnn", {"enabled": True, "fp32_precision": "tf32"}), ("mkldnn", {"enabled": 1}),
    ("mkldnn", {"allow_tf32": False}), ("mkldnn", {"fp32_precision": "x"}), ("cudnn", {}),
    ("cudnn", {"enabled": True, "benchmark": True, "deterministic": True}),
    ("cudnn", {"allow_tf32": False}), ("cudnn", {"fp32_precision": "ieee"}),
    ("cudnn", {"fp32_precision": "bf16"}), ("cudnn", {"depthwise_kernel": "native"}),
    ("cudnn", {"depthwise_kernel": "x"}), ("cudnn", {"depthwise_kernel": 3}), ("nnpack", {}),
    ("nnpack", {"enabled": 3}), ("opt_einsum", {}), ("opt_einsum", {"strategy": "greedy"}),
    ("opt_einsum", {"strategy": "x"}), ("opt_einsum", {"enabled": False, "strategy": "greedy"}),
    ("opt_einsum", {"enabled": True, "strategy": "optimal"}), ("miopen", {"immediate": True}),
    ("miopen", {"immediate": None}), ("", {"fp32_precision": "tf32"}), ("", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "flags"), BLOCKS, ids=str)
def test_a_block(agree, name, flags):
    def program(t):
        before = values(t)
        try:
            with getattr(t.backends, name, t.backends).flags(**flags):
                inside = values(t)
                raise ZeroDivisionError
        except ZeroDivisionError:
            return inside, values(t) == before
        finally:
            if t.backends.opt_einsum.is_available():
                t.backends.opt_einsum.set_flags(True, "auto")  # torch leaves what it had set
            if name == "mkldnn":
                t.backends.mkldnn.enabled = True

    agree(program, words=ALL)


ASSIGNED = [
    ("mkldnn.enabled", 1), ("mkldnn.deterministic", None), ("cudnn.enabled", "a"),
    ("cudnn.benchmark", 1), ("cudnn.deterministic", 2), ("cudnn.allow_tf32", "a"),
    ("cudnn.benchmark", True), ("mkldnn.enabled", False), ("mkldnn.fp32_precision", "bf16"),
    ("mkldnn.fp32_precision", 3), ("cudnn.conv.fp32_precision", "bf16"),
    ("cudnn.allow_tf32", False), ("miopen.immediate", 2), ("fp32_precision", "tf32"),
    ("fp32_precision", "y"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ASSIGNED, ids=str)
def test_assigning(agree, name, value):
    def program(t):
        *path, last = name.split(".")
        place = t.backends
        for part in path:
            place = getattr(place, part)
        before = getattr(place, last)
        try:
            setattr(place, last, value)
            return values(t)
        finally:
            setattr(place, last, before)

    agree(program, words=ALL)


@pytest.mark.parametrize("t", [torch, franken], ids=["torch", "franken"])
def test_precisions_of_ops_have_no_other_attribute(t):
    with pytest.raises(AttributeError, match="Unknown attribute other"):
        t.backends.cudnn.conv.other = 3
    with pytest.raises(AttributeError, match="Unknown attribute other"):
        t.backends.mkldnn.rnn.other  # noqa: B018


def test_what_was_set_before_is_told(agree):
    def program(t):
        b = t.backends
        told = [b.mkldnn.set_flags(_enabled=True), b.opt_einsum.set_flags(True, "optimal"),
                b.opt_einsum.set_flags(_strategy="auto"), b.nnpack.set_flags(False),
                b.nnpack.set_flags(True), b.miopen.set_flags(True), b.miopen.set_flags(False),
                b.set_flags("ieee"), b.set_flags()]  # fmt: skip
        return told, b.cudnn.set_flags()[3:]

    agree(program, words=ALL)


def test_frozen_flags_are_set_by_blocks_alone(agree, monkeypatch):
    monkeypatch.setattr(franken.backends.settings, "_frozen", False)
    core = torch.backends.disable_global_flags.__globals__
    monkeypatch.setitem(core, "__allow_nonbracketed_mutation_flag", True)

    def assign(t, name):
        t.backends.disable_global_flags()
        place = getattr(t.backends, name, t.backends)
        setattr(place, "enabled" if name else "fp32_precision", True if name else "ieee")

    for name in ("mkldnn", "cudnn", ""):
        agree(lambda t, name=name: assign(t, name), words=ALL)

    def block(t):
        with t.backends.cudnn.flags(enabled=True, benchmark=True):
            return t.backends.cudnn.benchmark, t.backends.flags_frozen()

    agree(block)


def test_libraries_that_talk_are_asked_for_a_block(agree):
    for name, level in (("mkl", 1), ("mkl", 0), ("mkldnn", 0)):

        def program(t, name=name, level=level):
            with getattr(t.backends, name).verbose(level):
                return [getattr(t.backends, name).VERBOSE_OFF, getattr(t.backends, name).VERBOSE_ON]

        agree(program)


def test_no_library_of_torchs_is_called():
    for name in ("mkl", "mkldnn", "mps"):
        assert getattr(franken.backends, name).is_available() is False, name
    assert franken.backends.mps.is_built() is False


@pytest.mark.parametrize("space", ["", "cuda"])
def test_legacy_storages_are_those_of_torch(space):
    ours, theirs = (getattr(lib, space) if space else lib for lib in (franken, torch))
    have, want = (
        {n for n in dir(lib) if n.endswith("Storage") and not n.startswith("_")}
        for lib in (ours, theirs)
    )
    assert have == want
