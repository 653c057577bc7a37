"""Files made to do harm: a FormatError each, in little time and memory, and nothing else."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franken.serialization import safetensors
from franken.serialization.errors import REASONS, FormatError
from franken.serialization.formats import npy, pickle_reader
from franken.serialization.formats.blocks import check_budget
from franken.serialization.formats.fuzzing import fuzz
from franken.serialization.formats.inspection import stats
from franken.serialization.formats.layout import read_layout, read_tensor, read_tensors
from franken.serialization.formats.spans import Span
from franken.serialization.formats.writers import write_npz, write_torch


def reason_of(action, *arguments):
    with pytest.raises(FormatError) as caught:
        action(*arguments)
    assert caught.value.reason in REASONS
    return caught.value.reason


@pytest.fixture
def refused(tmp_path):
    """`refused(data)`: the reason for which a file of these bytes is refused."""

    def check(data):
        path = tmp_path / "hostile"
        path.write_bytes(data)
        return reason_of(read_layout, path)

    return check


# -- mutations of sound files --


@functools.cache
def sound():
    """A small file of each format, as bytes."""
    base = np.arange(12.0).reshape(3, 4)
    arrays = {"a.b": base, "t": base.T, "c": np.ones(3, np.int8)}
    files = [safetensors.save(arrays, {"k": "v"})]
    for write in (write_torch, write_npz, np.savez_compressed, np.save):
        files.append(written(write, arrays))
    files.append(json.dumps({"metadata": {"n": 1}, "weight_map": {"a": "1.st", "b": "2.st"}}))
    return [data if isinstance(data, bytes) else data.encode() for data in files]


def written(write, arrays):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.npy" if write is np.save else "a.npz")
        if write is np.savez_compressed:
            write(path, **arrays)
        elif write is np.save:
            write(path, arrays["t"])
        else:
            write(path, arrays)
        return path.read_bytes()


@pytest.mark.parametrize("number", range(6))
def test_the_unharmed_files_are_sound(number):
    assert fuzz(sound()[number])


@pytest.mark.parametrize("number", range(6))
def test_every_truncation_ends_in_a_format_error_or_a_plain_file(number):
    data = sound()[number]
    for length in range(0, len(data), max(1, len(data) // 150)):
        fuzz(data[:length])


interesting = st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF, ord("0"), ord("{"), ord("(")])


@settings(max_examples=400)
@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 10**6), interesting | st.integers(0, 255)), max_size=4),
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 10**6)), max_size=1
    ),
)
def test_mutated_files_raise_nothing_but_format_errors(number, flips, moves):
    data = bytearray(sound()[number])
    for at, value in flips:
        data[at % len(data)] = value
    for source, length, target in moves:
        piece = data[source % len(data) :][:length]
        target %= len(data)
        data[target : target + length] = piece
    fuzz(bytes(data))


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_random_bytes_as_pickle_and_header(tail):
    for prefix in (
        b"",
        b"\x80\x02",
        b"\x80\x04\x95",
        b"\x80\x02}(X\x01\0\0\0a",
        npy.MAGIC + b"\1\0",
    ):
        fuzz(prefix + tail)


opcodes = st.sampled_from([bytes([code]) for code in sorted(pickle_reader._OPCODES)])


@settings(max_examples=200)
@given(st.lists(opcodes | st.binary(min_size=1, max_size=4), max_size=40))
def test_random_opcodes(parts):
    fuzz(b"\x80\x02" + b"".join(parts) + b".")


# -- pickles --


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_out_of_the_machine_as_they_went_in(protocol):
    value = [1, -5, 300, 70_000, 2**40, -(2**80), 1.5, "x" * 300, b"y", None, True, False, (), (1,)]
    value += [(1, 2), (1, 2, 3), (1, 2, 3, 4)]
    graph = pickle_reader.parse(pickle.dumps(value, protocol=protocol))
    got = graph.items
    if protocol == 2:  # bytes are a recorded call there
        assert got[8].name == "_codecs.encode"
        got[8] = b"y"
    assert got == value


def test_globals_are_names_and_calls_are_records():
    graph = pickle_reader.parse(b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.")
    assert (graph.name, graph.arguments) == ("os.system", ("ls",))


@pytest.mark.parametrize(
    "data",
    [
        b"", b".", b"\x80\x02.", b"\x80\x01N.", b"\x80\x06N.", b"\x80\x02(.", b"\x80\x02t.",
        b"\x80\x02h\x00.", b"\x80\x02Na.", b"\x80\x02NNs.", b"\x80\x02}(Nu.", b"\x80\x02NR.",
        b"\x80\x02X\xff\xff\xff\xffabc", b"\x80\x02\x8b\xff\xff\xff\x7f" + b"1" * 50,
        b"\x80\x02cos\n", b"\x80\x02c" + b"x" * 3000, b"\x80\x02i", b"\x80\x02\x97.",
        b"\x80\x02NN\x93.", b"\x80\x02X\x01\0\0\0\xff.", b"\x80\x02\x82\x01.",
    ],
)  # fmt: skip
def test_malformed_pickles(data):
    reason_of(pickle_reader.parse, data)


def torch_file(pickled, **records):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        for name, data in records.items():
            archive.writestr(f"a/data/{name.strip('_')}", data)
    return out.getvalue()


class Storage:
    """Stands for a storage when pickled by `dumps`."""

    def __init__(self, *key):
        self.key = key


class Named:
    """Stands for a global when pickled by `dumps`."""

    def __init__(self, name):
        self.name = name


def dumps(value):
    """Write plain values, globals, storages and calls (as lists) in protocol 2."""

    def write(value):
        if type(value) is Named:
            return b"c%s\n" % value.name.encode()
        if type(value) is Storage:
            return write(value.key) + b"Q"
        if type(value) is list:
            return write(value[0]) + write(tuple(value[1:])) + b"R"
        if type(value) is tuple:
            return b"(" + b"".join(map(write, value)) + b"t"
        if type(value) is dict:
            items = b"".join(write(k) + write(v) for k, v in value.items())
            return b"}(" + items + b"u"
        return pickle.dumps(value, protocol=2)[2:-1]

    return b"\x80\x02" + write(value) + b"."


REBUILD = Named("torch._utils\n_rebuild_tensor_v2")
FLOATS = Named("torch\nFloatStorage")


def one_tensor(offset=0, shape=(2,), strides=(1,), kind=FLOATS, key="0", count=2):
    storage = Storage("storage", kind, key, "cpu", count)
    return dumps({"w": [REBUILD, storage, offset, shape, strides, False, ()]})


def test_the_hand_made_archive_is_sound(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(torch_file(one_tensor(), _0=np.array([1, 2], np.float32).tobytes()))
    layout = read_layout(path)
    assert read_tensor(path, layout.spans[0]).tolist() == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1}, {"offset": -1}, {"offset": "0"}, {"offset": 2**70}, {"offset": True},
        {"shape": (3,)}, {"shape": (-1,)}, {"shape": (2**63, 2)}, {"shape": (2, 2)},
        {"shape": (2.0,)}, {"shape": None}, {"strides": (2,)}, {"strides": (-1,)},
        {"strides": (2**62,)}, {"strides": ()}, {"shape": (1,) * 65, "strides": (1,) * 65},
        {"shape": (2**61, 2**61), "strides": (0, 0)}, {"kind": Named("torch\nOddStorage")},
        {"kind": 5}, {"key": "../0"}, {"key": "9"}, {"key": 0}, {"count": 3}, {"count": -2},
        {"count": "2"},
    ],
)  # fmt: skip
def test_tensors_outside_their_storage(refused, changes):
    assert refused(torch_file(one_tensor(**changes), _0=bytes(8))) in REASONS


@pytest.mark.parametrize(
    "value",
    [
        [REBUILD], [REBUILD, 1, 2, 3, 4], [Named("torch._utils\n_rebuild_tensor_v3"), 1, 2, 3, 4],
        Storage("module", 1, 2, 3, 4), Storage("storage"), Storage(5),
        [Named("collections\nOrderedDict"), 5], [Named("torch._utils\n_rebuild_parameter")],
        [REBUILD, Storage("storage", FLOATS, "0", "cpu", 2), 0, [Named("torch\nSize"), 5], (1,)],
    ],
)  # fmt: skip
def test_odd_records_are_refused_or_ignored(value):
    fuzz(torch_file(dumps({"w": value}), _0=bytes(8)))


def test_nesting_cycles_and_explosions_end_quickly(tmp_path):
    deep = b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    cycle = b"\x80\x02]q\x00h\x00a."
    # A list of two references to the one before, sixty times: 2**60 paths.
    wide = b"\x80\x02]q\x00" + b"".join(
        b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)
    ) + b"."  # fmt: skip
    assert fuzz(torch_file(cycle))
    path = tmp_path / "a.pt"
    for data in (deep, wide):
        path.write_bytes(torch_file(data))
        assert reason_of(read_layout, path) == "too_large"
    # 2**60 paths walked one by one would never have come to an end


def test_long_names_and_many_steps_are_bounded(refused, monkeypatch):
    assert refused(torch_file(dumps({"x" * 3000: {"y": 1}}))) == "too_large"
    monkeypatch.setattr(pickle_reader, "MAX_STEPS", 1000)
    assert refused(torch_file(b"\x80\x02" + b"N0" * 600 + b"N.")) == "too_large"


def test_a_name_that_occurs_twice_is_told_apart(tmp_path):
    path = tmp_path / "a.pt"
    tensor = one_tensor()[len(b"\x80\x02}(X\x01\0\0\0w") : -2]
    path.write_bytes(torch_file(b"\x80\x02}(K\x00" + tensor + b"X\x01\0\0\x000" + tensor + b"u.",
                                _0=bytes(8)))  # fmt: skip
    assert [span.name for span in read_layout(path).spans] == ["0", "0#2"]


def test_an_expanded_tensor_costs_nothing_to_list_and_is_not_computed(tmp_path):
    path = tmp_path / "a.pt"
    data = torch_file(one_tensor(shape=(2**30, 2**28), strides=(0, 0)), _0=bytes(8))
    path.write_bytes(data)
    layout = read_layout(path)
    assert read_tensor(path, layout.spans[0]).shape == (2**30, 2**28)
    assert reason_of(check_budget, layout, len(data)) == "too_large"
    assert reason_of(stats, path) == "too_large"


# -- zip archives --


def archive_of(names, data=b"x", compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["../a.npy", "/a.npy", "a/../../b.npy", "a\\b.npy", "C:/a.npy", "x" * 2000]
)
def test_names_that_leave_the_folder(refused, name):
    assert refused(archive_of([name])) == "bad_layout"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(refused):
    assert refused(archive_of(["a.npy", "a.npy"])) == "bad_layout"


def patched(data, needle, offset, new):
    at = data.rindex(needle) + offset
    return data[:at] + new + data[at + len(new) :]


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


@pytest.mark.parametrize(
    ("needle", "offset", "new"),
    [
        (CENTRAL, 8, b"\x01\x00"),  # encrypted
        (CENTRAL, 10, b"\x0c\x00"),  # packed by bzip2
        (CENTRAL, 20, b"\xff\xff\xff\x7f"),  # packed size
        (CENTRAL, 24, b"\xff\xff\xff\x7f"),  # size
        (CENTRAL, 24, b"\xff\xff\xff\xff"),  # size in a field that is not there
        (CENTRAL, 28, b"\xff\xff"),  # length of the name
        (CENTRAL, 42, b"\xf0\xff\xff\x7f"),  # offset
        (CENTRAL, 42, b"\x00\x00\x00\x00"),  # the second member is the first
        (CENTRAL, 0, b"XX"),
        (LOCAL, 0, b"XX"),
        (LOCAL, 8, b"\x08\x00"),  # another method than in the directory
        (LOCAL, 26, b"\xff\xff"),  # length of the name
        (LOCAL, 30, b"z"),  # another name than in the directory
        (END, 4, b"\x01\x00"),  # several disks
        (END, 8, b"\x05\x00\x05\x00"),  # more members than there are
        (END, 12, b"\xff\xff\xff\x7f"),  # size of the directory
        (END, 16, b"\xff\xff\xff\x7f"),  # begin of the directory
        (END, 16, b"\xff\xff\xff\xff"),
        (END, 0, b"XX"),
    ],
)
def test_directories_that_lie(refused, needle, offset, new):
    assert refused(patched(archive_of(["a.npy", "b.npy"]), needle, offset, new)) in REASONS


def test_members_that_overlap(refused):
    # The second entry's packed bytes start within the first's.
    data = archive_of(["a", "b"], b"PK" * 200)
    inner = archive_of(["b"], b"x" * 10)
    local = inner[: inner.index(CENTRAL)]
    at = data.index(b"PKPKPK")
    data = data[:at] + local + data[at + len(local) :]
    assert refused(patched(data, CENTRAL, 42, struct.pack("<L", at))) == "bad_layout"


def deflated_npz(array):
    out = io.BytesIO()
    np.savez_compressed(out, w=array)
    return out.getvalue()


def test_a_bomb_is_not_inflated_beyond_the_limit(tmp_path):
    path = tmp_path / "bomb.npz"
    path.write_bytes(deflated_npz(np.zeros(1 << 22)))
    assert path.stat().st_size < 1 << 16
    span = read_layout(path).spans[0]
    assert reason_of(lambda: read_tensor(path, span, limit=1 << 20)) == "too_large"
    assert not read_tensor(path, span).any()


@pytest.mark.parametrize("size", [0, 10, 200_000, 1 << 31])
def test_a_size_that_the_stream_does_not_have(tmp_path, size):
    data = deflated_npz(np.zeros(1000))
    path = tmp_path / "a.npz"
    path.write_bytes(patched(data, CENTRAL, 24, struct.pack("<L", size)))

    def read():
        read_tensors(path, read_layout(path).spans)

    reason_of(read)


def test_stated_sizes_take_no_memory(tmp_path):
    """Each of these states terabytes; reading them all stays within little memory."""
    huge = npy.header_bytes(np.dtype("<f8"), (2**40,))
    header = json.dumps({"w": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}})
    files = {
        "a.npy": huge,
        "b.npz": archive_of(["w.npy"], huge),
        "c.npz": archive_of(["w.npy"], huge, zipfile.ZIP_DEFLATED),
        "d.st": len(header).to_bytes(8, "little") + header.encode(),
        "e.st": (2**39).to_bytes(8, "little") + b"{" + bytes(100),
        "f.pt": torch_file(one_tensor(count=2**40, shape=(2**40,)), _0=bytes(8)),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    program = (
        "import sys, resource\n"
        "from franken.serialization.formats.layout import read_layout\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read_layout(path)\n"
        "    except ValueError as error:\n"
        "        print(error.reason)\n"
        "used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print('bounded' if used < 20_000 else used)\n"
    )
    paths = [str(tmp_path / name) for name in files]
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "truncated", "truncated", "truncated", "truncated", "too_large", "bad_layout", "bounded",
    ]  # fmt: skip


# -- headers and spans --


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "{}", "1", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<q9', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': [], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': [('a', '<f4'), ('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': [('a', '<f4', (2**9,))], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'),)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} 1",
        "(" * 5000, "[" * 5000 + "]" * 5000, "{'a':" * 300,
    ],
)  # fmt: skip
def test_headers_of_npy_that_are_not_one(text):
    body = text.encode()
    reason_of(npy.parse_header, npy.MAGIC + b"\x01\x00" + struct.pack("<H", len(body)) + body)


@pytest.mark.parametrize(
    "head", [b"", npy.MAGIC, npy.MAGIC + b"\x09\0" + bytes(90), npy.MAGIC + b"\2\0\xff\xff\xff\x7f"]
)
def test_beginnings_of_npy_that_are_too_short_new_or_long(head):
    reason_of(npy.parse_header, head)


def test_overlapping_tensors_of_safetensors(refused):
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    header = json.dumps({"a": entry, "b": entry | {"data_offsets": [2, 6]}}).encode()
    assert refused(len(header).to_bytes(8, "little") + header + bytes(6)) == "bad_layout"


def test_structures_nested_too_deeply_in_json(refused):
    text = b'{"weight_map":' * 20_000
    assert refused(text) == "bad_header"
    assert refused(len(text).to_bytes(8, "little") + text) == "bad_header"


def test_index_with_a_name_twice_or_of_no_files(refused):
    assert refused(b'{"weight_map": {"a": "x", "a": "y"}}') == "bad_header"
    assert refused(b'{"weight_map": {"a": 5}}') == "bad_header"
    assert refused(b'{"weight_map": []}') == "bad_header"


@pytest.mark.parametrize(
    "span",
    [
        Span("w", "F32", (2,), 0, 9), Span("w", "F32", (2,), -4, 4), Span("w", "F32", (3,), 0, 8),
        Span("w", "F32", (2,), 8, 4), Span("w", "F32", (2, 2), 0, 8, strides=(1, 2)),
        Span("w", "BOOL", (8,), 0, 8), Span("w", "Q7", (2,), 0, 8),
        Span("w", "F32", (0, 2**62), 0, 8), Span("w", "F32", (2,), 0, 8, codec="deflate"),
    ],
)  # fmt: skip
def test_spans_that_the_file_does_not_have(tmp_path, span):
    path = tmp_path / "a"
    path.write_bytes(b"\x02" * 8)
    reason_of(read_tensor, path, span)
