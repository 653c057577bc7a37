"""Which tests judge a planted fault: those that execute its statement, the most telling ones."""

from __future__ import annotations

from conformance.mutants import selecting
from conformance.mutants.selecting import Reach


def test_tests_are_chosen_by_statement_reach_and_budget():
    reach = {
        "a": Reach(5.0, {"f.py": [1, 2, 3]}),
        "b": Reach(1.0, {"f.py": [1, 2]}),
        "c": Reach(1.0, {"g.py": [1, 2, 3]}),
    }
    assert selecting.tests_of("f.py", (1,), reach, 10) == ["b", "a"]  # the quick one first
    assert selecting.tests_of("f.py", (1,), reach, 5) == ["a"]  # the one that runs most of the file
    assert selecting.tests_of("f.py", (3, 4), reach, 10) == ["a"]
    assert selecting.tests_of("f.py", (9,), reach, 10) == []


def test_test_files_are_found(tmp_path):
    folder = tmp_path / "tests" / "core"
    folder.mkdir(parents=True)
    for name in ("test_a.py", "test_b.py", "help.py"):
        (folder / name).write_text("")
    assert selecting.test_files(tmp_path, "_b") == ["tests/core/test_b.py"]
    assert len(selecting.test_files(tmp_path)) == 2
