"""The schema parser against torch's whole registry, and against mutilated texts."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franken.core.schema.model import MISSING, Schema, SchemaError, Symbol
from franken.core.schema.parser import MAX_LENGTH, parse
from franken.core.schema.registry import Registry
from franken.core.schema.signature import schema_text
from franken.core.tensor import Tensor

torch = pytest.importorskip("torch")

EVERY_TEXT = [str(each) for each in torch._C._jit_get_all_schemas()]
ATEN = [text for text in EVERY_TEXT if text.startswith("aten::")]
# Two parameters of one name: a slip in torch's own registry that we refuse.
REFUSED = {text for text in EVERY_TEXT if text.startswith("static_runtime::clamp_nan_to_num(")}


def test_the_whole_registry_round_trips():
    assert len(ATEN) > 3000
    wrong = [text for text in EVERY_TEXT if text not in REFUSED and _again(text) != text]
    # Its default was stored as an integer although the parameter is a float?.
    assert [text.partition("(")[0] for text in wrong] in ([], ["prims::var"])


def _again(text):
    return str(parse(text))


def test_facts_agree_with_torch():
    for each in torch._C._jit_get_all_schemas():
        text = str(each)
        if not text.startswith("aten::"):
            continue
        ours = parse(text)
        full = f"{ours.namespace}::{ours.name}"
        assert (full, ours.overload) == (each.name, each.overload_name)
        assert ours.is_mutable == each.is_mutable, text
        assert [a.name for a in ours.arguments] == [a.name for a in each.arguments]
        assert [a.kwarg_only for a in ours.arguments] == [a.kwarg_only for a in each.arguments]
        has_default = [a.default is not MISSING for a in ours.arguments]
        assert has_default == [a.has_default_value() for a in each.arguments], text
        assert len(ours.returns) == len(each.returns)


def test_kinds():
    add = parse("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    assert (add.name, add.overload, add.arguments[2].default) == ("add", "Tensor", 1)
    assert not (add.is_inplace or add.is_out or add.is_mutable or add.is_view)
    add_ = parse("add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)")
    assert add_.is_inplace and not add_.is_out and not add_.is_view
    assert parse("__iadd__(Tensor(a!) self, Tensor other) -> Tensor(a!)").is_inplace
    assert not parse("__and__(Tensor self, Tensor other) -> Tensor").is_inplace
    out = parse("add.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)")
    assert out.is_out and out.is_mutable and not out.is_inplace
    assert parse("view(Tensor(a) self, int[] size) -> Tensor(a)").is_view
    assert parse("split(Tensor(a -> *) self, int n) -> Tensor(a)[]").is_view


def test_alias_groups():
    text = "sort.values(Tensor self, *, Tensor(a!) v, Tensor(b!) i) -> (Tensor(a!) v, Tensor(b!) i)"
    assert parse(text).alias_groups() == {
        "a": (("argument", 1), ("return", 0)),
        "b": (("argument", 2), ("return", 1)),
    }


def test_texts_of_functions():
    """What stands behind a default has one: also what takes the rest."""

    def plain(x: Tensor, *sizes: int) -> Tensor: ...
    def rest(x: Tensor, n: int = 2, *sizes: int, keep: bool = False) -> tuple[Tensor, int]: ...
    def late(x: float | None, axes: tuple[int, ...] = (0, 1), name: str = 'a"b') -> None: ...
    def forwarded(x: Tensor, old: bool = True, **kwargs: int) -> list[Tensor]: ...

    texts = {
        plain: "f(Tensor x, int[] sizes) -> Tensor",
        rest: "f(Tensor x, int n=2, int[] sizes=[], *, bool keep=False) -> (Tensor, int)",
        late: r'f(float? x, int[] axes=[0, 1], str name="a\"b") -> ()',
        forwarded: "f(Tensor x, ...) -> Tensor[]",
    }
    for function, text in texts.items():
        assert schema_text("f", function) == text
        assert "..." in text or str(parse(text)) == text


def test_types():
    arguments = parse(
        "f(int[2]? dim=None, Tensor?[] ts=[], (int, float)? p=None, Dict(str, t)(a!) d=None) -> ()"
    ).arguments
    dim, tensors, pair, mapping = (a.type for a in arguments)
    assert dim.is_optional and dim.is_list and dim.base == "int" and dim.args[0].size == 2
    assert tensors.is_list and not tensors.is_optional and tensors.args[0].is_optional
    assert pair.args[0].name == "()" and [str(t) for t in pair.args[0].args] == ["int", "float"]
    assert mapping.base == "Dict" and mapping.aliases()[0].is_write


@pytest.mark.parametrize(
    ("spelling", "value", "canonical"),
    [
        ("int x=-3", -3, "-3"),
        ("bool x=True", True, "True"),
        ("Tensor? x=None", None, "None"),
        ("float x=2", 2.0, "2."),
        ("float? x=2", 2, "2"),
        ("float x=1e-5", 1e-5, "1.0000000000000001e-05"),
        ("float x=.5", 0.5, "0.5"),
        ("float x=-inf", float("-inf"), "-inf"),
        ("Scalar x=inf", float("inf"), "inf"),
        ("complex x=1j", 1j, "0.+1.j"),
        ("complex x=2.-3.5j", 2 - 3.5j, "2.-3.5j"),
        ("int[2] x=1", 1, "1"),
        ("int[] x=[0, -1]", (0, -1), "[0, -1]"),
        ("bool[2] x=[True, False]", (True, False), "[True, False]"),
        ("int[] x=[]", (), "[]"),
        ("str x='hi'", "hi", '"hi"'),
        (r'str x="\"\'\\\n"', "\"'\\\n", r'"\"\'\\\n"'),
        ("MemoryFormat x=contiguous_format", Symbol("contiguous_format"), "contiguous_format"),
        ("ScalarType x=float", Symbol("float"), "float"),
    ],
)
def test_defaults(spelling, value, canonical):
    schema = parse(f"f({spelling}) -> ()")
    default = schema.arguments[0].default
    assert default == value and type(default) is type(value)
    assert str(schema) == f"f({spelling.partition('=')[0]}={canonical}) -> ()"
    assert parse(str(schema)) == schema


@pytest.mark.parametrize(
    "text",
    [
        "a()", "a(Tensor x,) -> ()", "a(Tensor) -> ()", "a(Foo x) -> ()", "a.b.c(int x) -> ()",
        "a::b::c() -> ()", "a(int x=1, int y) -> ()", "a(int[2][3 x) -> int", "a(..., int x) -> ()",
        "a(Tensor(a! b) x) -> ()", "a(int[] x=[1,]) -> ()", "a(int x=[1]) -> ()",
        "a(Tensor?(a!) x -> ()", "a(Tensor x) -> (Tensor, int)[]",
        "a(int x=9223372036854775808) -> ()",
    ],
)  # fmt: skip
def test_both_refuse(text):
    with pytest.raises((RuntimeError, IndexError)):
        torch._C.parse_schema(text)
    with pytest.raises(SchemaError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected an op name at position 0, found the end"),
        ("f(Tensor x, Tensor x) -> ()", "expected an argument name other than 'x' at position 19"),
        ("f(Tensor x, *) -> ()", "expected ',' at position 13, found ') -> ()'"),
        ("f(tensor x) -> ()", "expected a known type or a type variable such as t at position 2"),
        ("f(int x=$) -> ()", "expected a name, number, string or punctuation at position 8"),
        ("f(str x='a) -> ()", "expected a name, number, string or punctuation at position 8"),
        (r"f(str x='\q') -> ()", "expected a known escape sequence at position 10"),
        ("f(float x=1e999) -> ()", "expected a number within double precision at position 10"),
        ("f(int x=" + "9" * 5000 + ") -> ()", "expected an integer of 64 bits at position 8"),
        ("f(Dict(str) x) -> ()", "expected 2 type arguments to Dict at position 2"),
        ("f(" + "(" * 40 + "int", "expected a type nested at most 16 deep"),
        ("f() -> () g", "expected the end of the schema at position 10"),
    ],
)
def test_errors_say_where_and_what(text, complaint):
    with pytest.raises(SchemaError) as caught:
        parse(text)
    assert complaint in str(caught.value)
    assert caught.value.reason_code == "schema"


def test_length_is_bounded():
    with pytest.raises(SchemaError, match="exceeds the 16384 allowed"):
        parse("f(" + " " * MAX_LENGTH + ") -> ()")


SAMPLES = ATEN[::40]
ALPHABET = " ()[]?!*|=,.:->_\"'\\aTn1e$é\n"


@settings(max_examples=500)
@given(
    st.sampled_from(SAMPLES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 4), st.text(ALPHABET, max_size=3)),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_mutated_text_parses_or_raises_schema_error(text, edits):
    for where, cut, insert in edits:
        place = int(where * len(text))
        text = text[:place] + insert + text[place + cut :]
    try:
        schema = parse(text)
    except SchemaError as error:
        assert "expected" in str(error)
    else:
        assert parse(str(schema)) == schema


@given(st.text(max_size=60))
def test_any_text_parses_or_raises_schema_error(text):
    try:
        parse(text)
    except SchemaError as error:
        assert "expected" in str(error)


def test_schemas_pickle_and_hash():
    schema = parse("f(Tensor(a!) self, int x=1, *, float[] y) -> (Tensor(a!), int n)")
    assert pickle.loads(pickle.dumps(schema)) == schema
    assert pickle.loads(pickle.dumps(schema)).arguments[0].default is MISSING
    assert len({schema, parse(str(schema))}) == 1


# -- the registry --


def test_registry_finds_what_was_registered():
    registry = Registry()
    registry.register("aten::add.Tensor(Tensor self, Tensor other) -> Tensor")
    registry.register(parse("aten::add.Scalar(Tensor self, Scalar other) -> Tensor"))
    found = registry.lookup("aten::add", "Tensor")
    assert isinstance(found, Schema) and registry.lookup("aten::add", "Tensor") is found
    assert registry.overloads("aten::add") == ("Tensor", "Scalar")
    assert registry.names() == ("aten::add",)
    with pytest.raises(SchemaError, match="no schema aten::add.out; known overloads: aten::add.T"):
        registry.lookup("aten::add", "out")
    with pytest.raises(SchemaError, match="no schema neg; known overloads: none"):
        registry.lookup("neg")


@pytest.mark.parametrize("second", ["neg(Tensor self) -> Tensor", "neg(Tensor x) -> Tensor[]"])
def test_registry_refuses_duplicates(second):
    registry = Registry()
    registry.register("neg(Tensor self) -> Tensor")
    with pytest.raises(SchemaError, match="neg is registered already"):
        registry.register(second)
    assert str(registry.lookup("neg")) == "neg(Tensor self) -> Tensor"


def test_registry_refuses_overloads_that_no_call_tells_apart():
    registry = Registry()
    registry.register("pow.int(int a, int b) -> float")
    registry.register("pow.int_to_int(int a, int b) -> int")
    with pytest.raises(SchemaError, match="no call can tell them apart"):
        registry.lookup("pow", "int")


def test_registry_parses_late_and_refuses_broken_texts():
    registry = Registry()
    registry.register("neg(Tensor self -> Tensor")
    with pytest.raises(SchemaError, match=r"expected '\)' at position 16"):
        registry.lookup("neg")
    with pytest.raises(SchemaError, match="expected 'name"):
        registry.register("neg")


def test_clashing_schema_objects_fail_as_texts_do():
    registry = Registry()
    registry.register(parse("pow.int(int a, int b) -> float"))
    with pytest.raises(SchemaError, match="no call can tell them apart"):
        registry.register(parse("pow.int_to_int(int a, int b) -> int"))
