"""The launch path over the mock driver: what reaches the GPU, what is refused, what is compiled.

Runs in a process of its own (see test_triton_launch.py), with the mock as its libcuda.so.1.
"""

from __future__ import annotations

import contextlib
import struct
import sys
import threading
import time
import types

import ml_dtypes
import numpy as np
import pytest
import triton
from hypothesis import given, settings
from hypothesis import strategies as st
from triton.backends.nvidia.compiler import CUDABackend
from triton.runtime import _allocation
from triton.runtime.jit import native_specialize_impl

from franken.backends.cupy import launch_errors as errors
from franken.backends.cupy import timing, triton_driver
from franken.backends.cupy.launch import FastLauncher, install, signature_of, table_arch
from franken.triton_kernels.kernels.rows.softmax import softmax_forward_kernel
from franken.triton_kernels.launching import launch as kernel_launch
from tests.backends.mock_cuda import kernels
from tests.backends.mock_cuda.device import Array, Driver, FakeRuntime, Subclass

FUSION = {"enable_fp_fusion": True}
driver = Driver()


@pytest.fixture
def gpu():
    return FastLauncher(FakeRuntime())


def run(gpu, kernel, grid, *args, warps=4, stages=2, flags=FUSION, **constants):
    gpu.run(kernel, grid, args, constants, warps, stages, flags)


def arrived(gpu, kernel, grid, sizes, *args, **options):
    """The launch as the driver saw it; sizes: bytes of each parameter before the two of scratch."""
    run(gpu, kernel, grid, *args, **options)
    driver.tell(kernel.__name__, [*sizes, 8, 8])
    before = driver.count()
    run(gpu, kernel, grid, *args, **options)
    assert driver.count() == before + 1
    return driver.last()


def add(gpu, n=1000, grid=(8,), **options):
    arrays = [Array((n,)) for _ in range(3)]
    return arrays, arrived(
        gpu, kernels.add_kernel, grid, (8, 8, 8, 4), *arrays, n, BLOCK=128, **options
    )


# --- what arrives ---


def test_pointers_numbers_and_empty_scratch_arrive(gpu):
    arrays, seen = add(gpu)
    assert seen.values == [*(a.data.ptr for a in arrays), 1000, 0, 0]
    assert seen.name == "add_kernel"


@pytest.mark.parametrize("grid", [(8,), (3, 5), (2, 3, 4)])
def test_grid_arrives(gpu, grid):
    assert add(gpu, grid=grid)[1].grid == [*grid, 1, 1][:3]


@pytest.mark.parametrize("warps", [1, 8])
def test_warps_become_threads(gpu, warps):
    assert add(gpu, warps=warps)[1].block == [32 * warps, 1, 1]


def test_shared_memory_arrives(gpu):
    args = [*(Array((64, 64)) for _ in range(3)), 64, 64, 64, 64, 1, 64, 1, 64, 1]
    tiles = {"M": 16, "N": 16, "K": 16}
    run(gpu, kernels.matmul_kernel, (4, 4), *args, **tiles)
    made = gpu._entries[next(iter(gpu._entries))]
    assert driver.last().shared > 0
    assert made.identity is None


def test_the_stream_is_the_runtimes_at_each_launch(gpu):
    assert add(gpu)[1].stream == 0x5EED
    gpu.runtime.stream = 0xBEEF
    assert add(gpu)[1].stream == 0xBEEF


def test_every_class_of_number_arrives(gpu):
    out = Array((1,))
    seen = arrived(
        gpu, kernels.numbers_kernel, (1,), (8, 4, 8, 8, 4, 4, 1),
        out, 7, 2**40 + 1, 2**63 + 5, -3, 0.1, True, 1, None, SCALE=2.0,
    )  # fmt: skip
    real = struct.unpack("<I", struct.pack("<f", 0.1))[0]  # a float reaches a kernel as float32
    negative = -3 & 0xFFFFFFFF
    assert seen.values == [out.data.ptr, 7, 2**40 + 1, 2**63 + 5, negative, real, 1, 0, 0]


def test_each_gpu_has_its_own_code(gpu):
    add(gpu)
    gpu.runtime.device = 1
    arrays = [Array((1000,), device=1) for _ in range(3)]
    run(gpu, kernels.add_kernel, (8,), *arrays, 1000, BLOCK=128)
    assert len(gpu._entries) == 2


def test_a_subclass_of_the_librarys_array_is_an_array(gpu):
    x = Subclass((16,))
    assert arrived(gpu, kernels.calling_kernel, (1,), (8,), x, BLOCK=16).values[0] == x.data.ptr


def test_the_library_launches_through_it(gpu):
    x, y = Array((4, 8)), Array((4, 8))
    with kernel_launch.using(gpu):
        before = driver.count()
        kernel_launch.launch(
            softmax_forward_kernel, (2,), x, y, 4, 8, 8, 1,
            LOG=False, WHOLE=True, ROWS=2, BLOCK=8,
        )  # fmt: skip
    assert driver.count() == before + 1
    assert driver.last().name == "softmax_forward_kernel"


def test_installing_serves_the_library():
    try:
        launcher = install(FakeRuntime(), tf32=True)
        assert kernel_launch.current() is launcher
        assert kernel_launch.current().policy.tf32
    finally:
        kernel_launch.install(None)


def test_the_policy_is_the_current_gpus():
    launcher = FastLauncher(FakeRuntime(80), fp_fusion=False)
    assert (launcher.policy.arch, launcher.policy.fp_fusion, launcher.policy.tf32) == (80, 0, 0)
    assert [table_arch(*c) for c in ((9, 0), (10, 0), (10, 3), (8, 6), (12, 0), (12, 1))] == [
        90, 100, 103, 86, 89, 89,
    ]  # fmt: skip


def test_tritons_own_launch_syntax_uses_the_same_stream(gpu):
    arrays = [triton_driver.Argument(Array((64,))) for _ in range(3)]
    kernels.add_kernel[(2,)](*arrays, 64, BLOCK=32)
    assert driver.last().stream == 0x5EED


# --- the key: what it tells apart is what Triton specialises on ---

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
dtypes = st.sampled_from([np.dtype(d) for d in DTYPES] + [np.dtype(ml_dtypes.bfloat16)])
edges = [0, 1, 2, 15, 16, 17, 2**31 - 16, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 16]
integers = st.one_of(
    st.sampled_from(edges + [-e for e in edges if e <= 2**63]), st.integers(-(2**63), 2**64 - 1)
)
pointers = st.builds(
    lambda d, o: Array((4,), d, offset=o), dtypes, st.sampled_from([0, 1, 2, 4, 8, 16, 24, 32])
)
arguments = st.one_of(integers, pointers, st.floats(), st.booleans(), st.none())


def key_of(args):
    """The key that `run` looks up."""
    launcher = FastLauncher.__new__(FastLauncher)
    launcher._array, launcher._device, launcher._stream = Array, lambda: 0, lambda d: 0
    launcher.check, launcher.ledger, launcher._entries = False, None, {}
    found = []

    def compiled(key, *rest):
        found.append(key)
        return types.SimpleNamespace(start=lambda *a: None)

    launcher._compiled = compiled
    launcher.run(kernels.add_kernel, (1,), tuple(args), {}, 4, 2, {})
    return found[0]


def tritons(args):
    """What Triton's own JIT specialises on."""
    given = [triton_driver.Argument(a) if isinstance(a, Array) else a for a in args]
    return tuple(native_specialize_impl(CUDABackend, a, False, True, True) for a in given)


@settings(max_examples=250)
@given(st.lists(st.tuples(arguments, arguments), min_size=1, max_size=4))
def test_the_key_tells_apart_exactly_what_triton_does(pairs):
    a, b = zip(*pairs, strict=True)
    assert (key_of(a) == key_of(b)) == (tritons(a) == tritons(b)), (tritons(a), tritons(b))


def test_the_key_tells_apart_exactly_what_triton_does_at_every_edge():
    around = {s * e + d for e in edges for s in (1, -1) for d in (-1, 0, 1)}
    given = [n for n in sorted(around) if -(2**63) <= n < 2**64]
    given += [Array((4,), d, offset=o) for d in (*DTYPES, ml_dtypes.bfloat16) for o in (0, 8, 16)]
    given += [True, False, None, 0.0, 1.0, float("nan")]
    ours, theirs = {}, {}
    for a in given:
        ours.setdefault(key_of([a]), []).append(a)
        theirs.setdefault(tritons([a]), []).append(a)
    assert list(ours.values()) == list(theirs.values())


@settings(max_examples=60)
@given(st.lists(arguments, min_size=1, max_size=6))
def test_the_key_is_a_function_of_the_kinds(args):
    assert key_of(args) == key_of(args)
    words = signature_of(key_of(args), len(args)).split()
    for word, (kind, special) in zip(words, tritons(args), strict=True):
        if kind == "constexpr":
            assert word == ("=1" if special == 1 else "none")
        else:
            name, _, aligned = word.partition(":")
            name = "*u1" if name == "*i1" else name  # two spellings of one type
            assert (name, bool(aligned)) == (kind, special == "D")


@pytest.mark.parametrize(
    ("a", "b"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0), (2, 2.0), (1, 3), ("a", "b")]
)
def test_constants_that_compile_differently_are_told_apart(gpu, a, b):
    keys = []
    gpu._compiled = lambda key, *rest: (
        keys.append(key) or types.SimpleNamespace(start=lambda *a: None)
    )
    for constant in (a, b, a):
        run(gpu, kernels.calling_kernel, (1,), BLOCK=constant)
    assert keys[0] != keys[1] and keys[0] == keys[2]


@pytest.mark.parametrize(
    "change", [{"warps": 2}, {"stages": 3}, {"flags": {"enable_fp_fusion": False}}, {"BLOCK": 64}]
)
def test_each_option_is_in_the_key(gpu, change):
    add_options = {"BLOCK": 128, **change}
    arrays = [Array((100,)) for _ in range(3)]
    run(gpu, kernels.add_kernel, (1,), *arrays, 100, BLOCK=128)
    run(gpu, kernels.add_kernel, (1,), *arrays, 100, **add_options)
    assert len(gpu._entries) == 2


def test_one_variant_is_compiled_once(gpu, monkeypatch):
    calls = []
    stock = triton_driver.compiled
    monkeypatch.setattr(triton_driver, "compiled", lambda *a: calls.append(a) or stock(*a))
    for n in (1000, 1001, 999):
        add(gpu, n)
    assert len(calls) == 1
    add(gpu, 1024)  # a multiple of 16
    assert len(calls) == 2


def test_threads_that_meet_at_a_new_kernel_compile_it_once(gpu, monkeypatch):
    calls = []
    stock = triton_driver.compiled

    def slowly(*args):
        calls.append(args)
        time.sleep(0.05)
        return stock(*args)

    monkeypatch.setattr(triton_driver, "compiled", slowly)
    arrays = [Array((100,)) for _ in range(3)]
    before = driver.count()
    threads = [
        threading.Thread(
            target=run, args=(gpu, kernels.add_kernel, (1,), *arrays, 100), kwargs={"BLOCK": 32}
        )
        for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(calls) == 1
    assert driver.count() == before + 8


# --- scratch memory ---


def descriptor(gpu):
    x, out = Array((32, 32)), Array((32, 32))
    return arrived(
        gpu, kernels.descriptor_kernel, (3,), (8, 8, 4, 4), x, out, 32, 32, BLOCK=32
    )  # fmt: skip


def in_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found


def test_a_new_thread_gets_scratch_memory(gpu):
    descriptor(gpu)
    seen = in_thread(lambda: (descriptor(gpu), threading.get_ident()))
    assert seen, "the launch on the thread failed"
    launch, ident = seen[0]
    address, nbytes, by = gpu.runtime.reserved[-1]
    assert launch.values[-2:] == [address, 0]
    assert by == ident
    assert nbytes % 3 == 0 and nbytes >= 3 * 2 * 128  # two descriptors of 128 bytes a program


def test_tritons_own_driver_has_no_scratch_on_a_new_thread():
    """Why `ScratchLauncher` is there: the allocator is set for one context only."""
    triton.set_allocator(lambda size, alignment, stream: None)
    try:
        assert in_thread(lambda: type(_allocation._allocator.get())) == [_allocation.NullAllocator]
    finally:
        triton.set_allocator(_allocation._NULL_ALLOCATOR)


def test_a_programs_own_allocator_is_kept(gpu):
    theirs = []

    def own(size, alignment, stream):
        theirs.append((size, stream))
        return triton_driver.Scratch(types.SimpleNamespace(ptr=0x200000100))

    triton.set_allocator(own)
    try:
        seen = descriptor(gpu)
    finally:
        triton.set_allocator(_allocation._NULL_ALLOCATOR)
    assert theirs and theirs[-1][1] == 0x5EED
    assert seen.values[-2] == 0x200000100
    assert gpu.runtime.reserved == []


def test_profile_scratch_is_zeroed(gpu):
    made = gpu.driver.allocate_default_profile_scratch(4096, 128, 0)
    assert gpu.runtime.filled == [(made.data_ptr(), 4096)]


# --- refused before anything starts ---

REFUSED = [
    (np.ones(4, np.float32), errors.BadArgument, "NumPy array .* cupy.asarray"),
    (np.float32(1), errors.BadArgument, r"NumPy scalar \(float32\): pass int"),
    (np.int64(3), errors.BadArgument, r"NumPy scalar \(int64\): pass int"),
    ("relu", errors.BadArgument, "a str: kernels take CuPy arrays"),
    ([1, 2], errors.BadArgument, "a list: kernels take"),
    (2**64, errors.BadArgument, "18446744073709551616 does not fit 64 bits"),
    (-(2**63) - 1, errors.BadArgument, "does not fit 64 bits"),
    (Array((4,), "c8"), errors.BadArgument, "no Triton element type for complex64.*cast"),
    (Array((4,), ">f4"), errors.BadArgument, "no Triton element type for >f4"),
    (Array((4,), device=1), errors.WrongDevice, r"cuda:1, and .* cuda:0.*Device\(1"),
    (Subclass((4,), device=1), errors.WrongDevice, "cuda:1"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "error", "words"), REFUSED, ids=lambda v: str(v)[:30])
def test_a_bad_argument_is_refused_before_the_launch(gpu, bad, error, words):
    before = driver.count()
    with pytest.raises(error, match=words) as caught:
        run(gpu, kernels.add_kernel, (1,), Array((4,)), Array((4,)), bad, 4, BLOCK=16)
    assert isinstance(caught.value, kernel_launch.LaunchError)
    assert "add_kernel" in str(caught.value)
    assert driver.count() == before and not gpu._entries


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [(np.ones(4), errors.BadArgument, "by address is a NumPy array .* cupy.asarray"),
     (Array((4,), device=1), errors.WrongDevice, "by address is on cuda:1, .* cuda:0")],
)  # fmt: skip
def test_arrays_reached_by_address_are_looked_at_too(gpu, bad, error, words):
    before = driver.count()
    with kernel_launch.using(gpu), pytest.raises(error, match=words):
        kernel_launch.launch(kernels.calling_kernel, (1,), Array((16,)), reaches=[bad], BLOCK=16)
    assert driver.count() == before


def test_the_argument_is_named(gpu):
    with pytest.raises(errors.BadArgument, match=r"argument 1 \(y_ptr\)"):
        run(gpu, kernels.add_kernel, (1,), Array((4,)), np.ones(4), Array((4,)), 4, BLOCK=16)


@pytest.mark.parametrize(
    ("args", "constants", "words"),
    [(3, {"BLOCK": 16}, "not given: \\['n'\\]"), (4, {}, "not given: \\['BLOCK'\\]"),
     (4, {"BLOK": 16}, "not given: \\['BLOCK'\\], not known: \\['BLOK'\\]"),
     (5, {}, "5 arguments for 5"), (4, {"n": 3}, "not known: \\['n'\\]")],
)  # fmt: skip
def test_arguments_must_fill_the_parameters(gpu, args, constants, words):
    given = [Array((4,)), Array((4,)), Array((4,)), 4, 16][:args]
    if (args, constants) == (5, {}):
        gpu.run(kernels.add_kernel, (1,), tuple(given), constants, 4, 2, FUSION)
        return
    with pytest.raises(errors.BadArgument, match=words):
        gpu.run(kernels.add_kernel, (1,), tuple(given), constants, 4, 2, FUSION)


@pytest.mark.parametrize(
    "grid", [(), (1, 1, 1, 1), (-1,), (-2, -2), (2, -1, -1), (2**31,), (65536, 65536)]
)
def test_a_grid_that_cannot_start_is_refused(gpu, grid):
    before = driver.count()
    with pytest.raises(errors.BadGrid, match="one to three sizes"):
        run(gpu, kernels.add_kernel, grid, *[Array((4,)) for _ in range(3)], 4, BLOCK=16)
    assert driver.count() == before


def test_triton_itself_starts_nothing_on_a_grid_of_2_to_the_32():
    """Why the grid is checked: the product overflows to 0, and no error is raised."""
    arrays = [triton_driver.Argument(Array((4,))) for _ in range(3)]
    FastLauncher(FakeRuntime())
    before = driver.count()
    kernels.add_kernel[(65536, 65536)](*arrays, 4, BLOCK=16)
    assert driver.count() == before


def test_interpreted_kernels_are_refused(gpu):
    with pytest.raises(errors.GpuLaunchError, match="unset TRITON_INTERPRET"):
        run(gpu, types.SimpleNamespace(__name__="k", params=[]), (1,))


# --- compilation and the driver's own failures ---


def test_a_kernel_that_does_not_compile_is_named(gpu):
    with pytest.raises(errors.KernelFailedToCompile, match="(?s)^broken_kernel: .*nowhere"):
        run(gpu, kernels.broken_kernel, (1,), Array((16,)), BLOCK=16)


def test_a_kernel_too_large_for_the_gpu_says_by_how_much(gpu):
    gpu.runtime.device = 1  # the mock's second GPU has 24 KB of shared memory a block
    arrays = [Array((64, 64), device=1) for _ in range(3)]
    with pytest.raises(errors.TooLargeForGpu, match="greedy_kernel.*shared memory.*24576.*B=64"):
        run(gpu, kernels.greedy_kernel, (1,), *arrays, B=64)


def test_a_compiler_that_goes_missing_is_said_as_it_is(gpu, monkeypatch):
    """3.6 builds a launcher a signature, so this can happen at any first launch."""

    def none(*args):
        raise RuntimeError("Failed to find C compiler. Please specify via CC")

    monkeypatch.setattr(gpu.driver, "launcher_cls", none)
    with pytest.raises(errors.NoCompiler, match="install gcc or clang"):
        run(gpu, kernels.calling_kernel, (1,), Array((64,)), BLOCK=64)


def test_a_changed_global_is_said_with_the_kernel(gpu, monkeypatch):
    def changed(*args, **options):
        raise RuntimeError("changed")

    monkeypatch.setattr(kernels.calling_kernel, "run", changed)
    with pytest.raises(errors.GpuLaunchError, match="^calling_kernel: changed$"):
        run(gpu, kernels.calling_kernel, (1,), Array((64,)), BLOCK=128)


def test_an_unknown_option_is_refused(gpu):
    with pytest.raises(errors.BadArgument, match="add_kernel: Triton refused.*no_such_option"):
        run(gpu, kernels.add_kernel, (1,), *[Array((4,))] * 3, 4, BLOCK=16,
            flags={"no_such_option": 1})  # fmt: skip


def test_a_cuda_error_names_the_kernel_and_the_way_to_find_the_fault(gpu):
    add(gpu)
    driver.fail_next(700)
    with pytest.raises(errors.GpuLaunchError, match="add_kernel: .*illegal memory.*check=True"):
        add(gpu)


def test_a_checked_launch_blames_its_own_kernel():
    gpu = FastLauncher(FakeRuntime(), check=True)
    add(gpu)
    waits = gpu.runtime.waits
    assert waits == 2
    driver.fail_next(700)
    with pytest.raises(errors.GpuLaunchError, match="add_kernel: .*this kernel's"):
        add(gpu)


def outside(by):
    a = Array((4,))
    a.data.mem.size -= by
    return a


def null():
    a = Array((4,))
    a.data.ptr = 0
    return a


CHECKED = [
    (outside(1), "outside of its allocation"),
    (Array((4,), strides=(8,)), "outside of its allocation"),
    (Array((4,), strides=(-4,)), "outside of its allocation"),
    (Array((4,), offset=2), "not aligned"),
    (Array((2,), strides=(2,)), "not aligned"),
    (null(), "its address is 0"),
]


@pytest.mark.parametrize(("bad", "words"), CHECKED)
def test_a_checked_launch_refuses_bad_memory(bad, words):
    gpu = FastLauncher(FakeRuntime(), check=True)
    before = driver.count()
    with pytest.raises(errors.BadMemory, match=f"add_kernel: y_ptr of shape.*{words}"):
        run(gpu, kernels.add_kernel, (1,), Array((4,)), bad, Array((4,)), 4, BLOCK=16)
    assert driver.count() == before


def test_a_checked_launch_looks_at_what_is_reached_by_address():
    with pytest.raises(errors.BadMemory, match="reached by address of shape.*outside"):
        FastLauncher(FakeRuntime(), check=True).reach([Array((4,)), outside(1)])


def test_a_checked_launch_takes_good_memory():
    gpu = FastLauncher(FakeRuntime(), check=True)
    views = [Array((4,), offset=8), Array((0,), strides=(4,)), Array((2, 2), strides=(0, 4))]
    before = driver.count()
    run(gpu, kernels.add_kernel, (1,), *views, 4, BLOCK=16)
    assert driver.count() == before + 1


def test_a_checked_launch_refuses_grids_beyond_cudas_limits():
    gpu = FastLauncher(FakeRuntime(), check=True)
    with pytest.raises(errors.BadGrid, match="exceeds CUDA's limits"):
        run(gpu, kernels.add_kernel, (1, 65536), *[Array((4,))] * 3, 4, BLOCK=16)


@pytest.mark.parametrize("flagged", [False, True])
def test_a_flagged_index_raises_in_a_checked_launch(flagged):
    index, flag = Array((16,), "i8"), Array((16,), "i1", host=np.array([0] * 15 + [flagged]))
    expects = pytest.raises(IndexError, match="index_kernel: index out of range")
    with expects if flagged else contextlib.nullcontext() as caught:
        run(FastLauncher(FakeRuntime(), check=True), kernels.index_kernel, (1,), index, flag, 4,
            BLOCK=16)  # fmt: skip
    assert not flagged or caught.value.reason_code == "index-out-of-range"
    run(FastLauncher(FakeRuntime()), kernels.index_kernel, (1,), index, flag, 4, BLOCK=16)


# --- identities ---


def test_recording_lists_what_ran(gpu):
    with gpu.recording() as seen:
        add(gpu)
        arrays = [Array((1000,), offset=4) for _ in range(3)]
        run(gpu, kernels.add_kernel, (8,), *arrays, 1000, BLOCK=128)
    assert [i.symbol for i in seen] == ["add_kernel"] * 3
    assert seen[0] is seen[1]
    first, last = seen[0], seen[2]
    assert dict(first.versions) == {"triton": triton.__version__, "cupy": "0.0-mock"}
    assert dict(first.constants) == {"BLOCK": 128} and (first.warps, first.stages) == (4, 2)
    assert dict(first.flags) == {
        "enable_fp_fusion": True, "arch": "sm_90",
        "signature": "*fp32:16 *fp32:16 *fp32:16 i32",
    }  # fmt: skip
    assert dict(last.flags)["signature"] == "*fp32 *fp32 *fp32 i32"  # other code, other identity
    assert first.source == last.source


def test_nobody_asking_costs_no_identity(gpu):
    add(gpu)
    assert [e.identity for e in gpu._entries.values()] == [None]
    assert gpu.ledger is None


def test_the_source_hash_includes_callees(tmp_path, monkeypatch):
    """Two files that differ in a helper alone."""
    monkeypatch.syspath_prepend(tmp_path)
    text = (
        "import triton\nimport triton.language as tl\n\n@triton.jit\ndef helper(x):\n"
        "    return x + {}\n\n@triton.jit\ndef k(x_ptr):\n"
        "    tl.store(x_ptr, helper(tl.load(x_ptr)))\n"
    )
    (tmp_path / "made_one.py").write_text(text.format(1))
    (tmp_path / "made_two.py").write_text(text.format(2))
    (tmp_path / "made_three.py").write_text(text.format(1))
    import made_one
    import made_three
    import made_two

    one, two, three = (
        kernel_launch.kernel_id(m.k, {}, 4, 2, {}, {}).source
        for m in (made_one, made_two, made_three)
    )
    assert one != two and one == three


# --- timing ---


def test_times_are_the_streams(gpu):
    runtime, spent = gpu.runtime, iter([99.0] + [2.0, 4.0] * 1000)

    def call():
        runtime.now += next(spent)

    got = timing.measure(runtime, call, warmup=6, rep=30, quantiles=(0.0, 0.5, 1.0))
    assert got == [2.0, 3.0, 4.0] or got == [2.0, 2.0, 4.0] or got == [2.0, 4.0, 4.0]
    assert len(runtime.filled) == 5 + 10  # the cache is overwritten before each timed run
    assert timing.measure(runtime, call, return_mode="min") == 2.0
    assert timing.measure(runtime, call, return_mode="median") in (2.0, 3.0, 4.0)
    with pytest.raises(ValueError, match="return_mode: one of mean.*got 'typical'"):
        timing.measure(runtime, call, return_mode="typical")


def test_tritons_autotuner_picks_the_fastest_by_our_clock(gpu):
    configs = [triton.Config({"BLOCK": b}, num_warps=1) for b in (16, 32, 64)]
    tuned = triton.autotune(configs, key=["n"])(kernels.add_kernel)
    cost = {4: 5.0, 2: 1.0, 1: 3.0}  # by programs
    stock = gpu.runtime.mark

    def mark():
        gpu.runtime.now += cost[driver.last().grid[0]]
        return stock()

    gpu.runtime.mark = mark
    arrays = [triton_driver.Argument(Array((64,))) for _ in range(3)]
    tuned[lambda meta: (64 // meta["BLOCK"],)](*arrays, 64)
    assert tuned.best_config.kwargs == {"BLOCK": 32}
    assert gpu.runtime.filled


# --- torch ---


class Untouchable(types.ModuleType):
    def __getattr__(self, name):
        raise AssertionError(f"torch.{name} was asked for")


def test_the_stream_is_ours_with_torch_loaded_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", Untouchable("torch"))
    gpu = FastLauncher(FakeRuntime())
    gpu.runtime.stream = 0xABC
    assert add(gpu, 77, warps=2)[1].stream == 0xABC
    arrays = [triton_driver.Argument(Array((64,))) for _ in range(3)]
    kernels.add_kernel[(2,)](*arrays, 64, BLOCK=64)
    assert driver.last().stream == 0xABC
    assert descriptor(gpu).values[-2] != 0


def test_torchs_device_is_refused(gpu):
    with pytest.raises(errors.GpuLaunchError, match="without torch"):
        gpu.driver.get_active_torch_device()
    with pytest.raises(errors.GpuLaunchError, match="without torch"):
        gpu.driver.get_device_interface()


def test_torch_was_never_loaded():
    """Stands last: all of the above ran in this process."""
    assert "torch" not in sys.modules
    assert "cupy" not in sys.modules
