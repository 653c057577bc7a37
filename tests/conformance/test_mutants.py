"""Mutants: which are none, and which tests judge one."""

from __future__ import annotations

import os
import sys

import pytest

from conformance.mutants import selecting
from conformance.mutants.selecting import Reach
from conformance.mutants.trees import Trees


@pytest.fixture
def sampling():
    """What draws faults, where cosmic-ray is installed."""
    pytest.importorskip("cosmic_ray")
    from conformance.mutants import sampling

    return sampling


def test_tests_are_chosen_by_statement_reach_and_budget():
    reach = {
        "a": Reach(5.0, {"f.py": [1, 2, 3]}),
        "b": Reach(1.0, {"f.py": [1, 2]}),
        "c": Reach(1.0, {"g.py": [1, 2, 3]}),
    }

    def chosen(*places, budget=10):
        return selecting.tests_of("f.py", places, reach, budget)

    assert chosen((1,)) == ["b", "a"]  # the quick one first
    assert chosen((1,), budget=5) == ["a"]  # the one that runs most of the file
    assert chosen((3, 4)) == ["a"]
    assert chosen((3,), (1,)) == ["a"]
    assert chosen((9,), (1,)) == ["b", "a"]  # nobody runs the first place
    assert chosen((9,)) == []


def test_test_files_are_found(tmp_path):
    folder = tmp_path / "tests" / "core"
    folder.mkdir(parents=True)
    for name in ("test_a.py", "test_b.py", "help.py"):
        (folder / name).write_text("")
    assert selecting.test_files(tmp_path, "_b") == ["tests/core/test_b.py"]
    assert len(selecting.test_files(tmp_path)) == 2


CODE = '''
@op(samples=lambda t: [S(t(3), 1)])
def f(x: int, k: bool = False) -> int:
    """What f does."""
    for a, b in zip(x, k, strict=True):
        g(a, b)
    return x




@overload
def g(x: int = 0) -> int: ...
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x: int,", "x: str,"), ("-> int", "-> str"), ("What f does", "Nothing"),
        ("strict=True", "strict=False"), ("S(t(3), 1)", "S(t(3), 2)"), ("@overload\n", ""),
        ("x: int = 0", "x: int = 1"),
    ],
)  # fmt: skip
def test_what_nobody_executes_is_no_mutant(sampling, before, after):
    changed = CODE.replace(before, after)
    assert changed != CODE and not sampling._differs(CODE, changed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k: bool = False", "k: bool = True"), ("@op(samples=lambda t: [S(t(3), 1)])\n", ""),
        ("zip(x, k, strict=True)", "[]"), ("return x", "return -x"), ("g(a, b)", "g(b, a)"),
    ],
)  # fmt: skip
def test_what_is_executed_is_one(sampling, before, after):
    changed = CODE.replace(before, after)
    assert changed != CODE and sampling._differs(CODE, changed)
    assert not sampling._differs(CODE, changed.replace("return", "return ("))  # no Python


def test_a_sample_is_the_same_each_time(sampling, tmp_path):
    (tmp_path / "franken").mkdir()
    (tmp_path / "franken" / "a.py").write_text(CODE)
    first, again = (list(sampling.sample(tmp_path, 2, 0)) for _ in range(2))
    assert first == again and len({m.code for m in first}) == 2
    (every,) = {tuple(sorted(sampling.sample(tmp_path, 1000, seed))) for seed in (0, 1)}
    assert 2 < len(every) < 20  # there are no more
    for m in every:
        assert m.path == "franken/a.py" and sampling._differs(CODE, m.code)
        assert any(m.line in lines for lines in m.places) and m.after in m.code
        assert (tmp_path / m.path).read_text().splitlines()[m.line - 1].strip()
    heads = [m for m in every if m.head]
    assert all(m.places[0] == (4, 5, 6, 7) for m in heads)  # judged by who runs the body


def test_what_a_test_file_reaches(tmp_path):
    """In a copy of the project, its processes included; a failing file is known as such."""
    pytest.importorskip("coverage")
    package, tests = tmp_path / "franken", tmp_path / "tests"
    package.mkdir(), tests.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    (tests / "test_a.py").write_text(
        "import subprocess, sys\nfrom franken.a import f\n\n"
        "def test():\n    assert f() == 1\n"
        "    subprocess.run([sys.executable, '-c', 'import franken.a as a; a.g()'], check=True)\n"
    )
    (tests / "test_b.py").write_text(
        "from franken.a import f\n\ndef test():\n    assert f() == 2\n"
    )
    made = os.popen(f"git -C {tmp_path} init -q && git -C {tmp_path} add -A").close()
    assert made is None
    store, done = tmp_path / "store" / "reach.json", []

    def measure(*names):
        names = [f"tests/test_{n}.py" for n in names]
        return selecting.measured(tmp_path, names, store, 1, lambda: done.append(1))

    found = measure("a", "b")
    a, b = found["tests/test_a.py"], found["tests/test_b.py"]
    assert a.lines["franken/a.py"] == [1, 2, 5, 6] and a.passes
    assert b.lines["franken/a.py"] == [1, 2, 5] and not b.passes
    assert len(done) == 2
    seconds = a.seconds
    assert measure("a")["tests/test_a.py"].seconds == seconds  # kept
    (package / "a.py").write_text("\n\n\n\n\n\n\n" + (package / "a.py").read_text())
    assert measure("a")["tests/test_a.py"].lines["franken/a.py"] == [8, 9, 12, 13]
    (tests / "test_a.py").write_text("def test():\n    pass\n")
    assert measure("a")["tests/test_a.py"].lines == {}  # another file: measured again


def test_a_command_that_takes_too_long_is_stopped(tmp_path):
    run = [sys.executable, "-c", "import sys, time; time.sleep(float(sys.argv[1])); sys.exit(3)"]
    assert selecting.ended([*run, "0"], tmp_path, 60) == 3
    assert selecting.ended([*run, "60"], tmp_path, 0.2) is None


def test_copies_hold_what_git_knows(tmp_path):
    for name in ("kept", "folder/other", "ignored"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("ignored\n")
    assert os.popen(f"git -C {tmp_path} init -q").close() is None
    with Trees(tmp_path) as trees:
        tree = trees.mine()
        assert tree == trees.mine()
        names = {p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file()}
        assert names == {"kept", "folder/other", ".gitignore"}
    assert not tree.exists()


def project(folder, test):
    """A project of one package file and test files, known to git."""
    for name, text in {
        "franken/__init__.py": "", "franken/a.py": "def f(x, k=1):\n    return x + k\n", **test,
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    assert os.popen(f"git -C {folder} init -q").close() is None


def test_a_survivor_is_judged_by_more_tests_and_outcomes_are_kept(tmp_path, sampling):
    from conformance.mutants.judging import Judge

    says = "from franken.a import f\n\ndef test():\n    assert f(1) {}\n"
    project(
        tmp_path, {"tests/test_a.py": says.format("> 0"), "tests/test_b.py": says.format("== 2")}
    )
    lines = {"franken/a.py": [1, 2]}
    reach = {
        "tests/test_a.py": Reach(1.0, lines, True, "a"),
        "tests/test_b.py": Reach(2.0, lines, True, "b"),
    }
    code = (tmp_path / "franken/a.py").read_text()
    found = sampling.places(code, 2)
    caught = sampling.Mutant("franken/a.py", 2, *found, "op", "", "", code.replace("+", "*"))
    equal = sampling.Mutant("franken/a.py", 2, *found, "op", "", "", code.replace("x + k", "k + x"))
    store, done = tmp_path / "kept" / "outcomes.json", []
    judge = Judge(tmp_path, reach, 1.0, store)
    assert judge.rounds(caught) == [["tests/test_a.py"], ["tests/test_b.py"]]
    rows = judge.rows([caught, equal], 1, lambda: done.append(1))
    assert [r["outcome"] for r in rows] == ["killed", "survived"] and len(done) == 2
    assert (tmp_path / "franken/a.py").read_text() == code
    again = Judge(tmp_path, reach, 1.0, store)
    again._run = None  # nothing is run
    assert again.rows([caught, equal], 1, lambda: None) == rows
    nobody = Judge(tmp_path, {}, 1.0, store).rows([caught], 1, lambda: None)
    assert nobody[0]["outcome"] == "survived: no test executes it"
