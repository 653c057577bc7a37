"""`franken run script.py`: a program written for torch, unchanged, on franken.

The program runs as `python script.py` or `python -m module` would run it, with `import torch`
answered by franken (`franken.faces.hook`), here and in the processes it starts by multiprocessing.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import runpy
import sys
from types import ModuleType, TracebackType
from typing import Final, NoReturn

USAGE: Final = """\
usage: franken run [options] script.py [arguments]
       franken run [options] -m module [arguments]

Run a program written for torch, unchanged: `import torch` gives franken.

options:
  --device DEVICE  where tensors are made that no device is given for, e.g. cuda
  --record FILE    write every executed op to FILE, for `franken replay FILE`
  --explain        at the end, list the functions and classes of torch's that were called, and
                   which of them are proven equal to torch's by the conformance run
  -h, --help       show this

Every op is deterministic always, so there is no mode to choose. The real torch cannot be imported
beside franken. Names of torch's that franken lacks are errors where they are used; at the end of a
run that failed, all that were asked for are listed.
"""
_HERE: Final = (__file__, runpy.__file__, "<frozen runpy>")


class Options:
    """What stands before the program's name on the command line."""

    def __init__(self) -> None:
        self.device: str | None = None
        self.record: str | None = None
        self.explain = False
        self.module = False


def main(arguments: list[str]) -> None:
    """Run the program that `arguments` name: what follows `franken run`."""
    options, rest = _read(arguments)
    if not rest:
        _stop("a script or -m module is missing")
    _start(options, rest)


def _read(arguments: list[str]) -> tuple[Options, list[str]]:
    """The options, and what follows them."""
    options, rest = Options(), list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word, given, value = rest.pop(0).partition("=")
        if word in ("-h", "--help"):
            sys.stdout.write(USAGE)
            sys.exit(0)
        if word == "-m":
            options.module = True
            return options, rest
        if word == "--explain" and not given:
            options.explain = True
        elif word in ("--device", "--record"):
            if not given and not rest:
                _stop(f"{word} needs a value")
            setattr(options, word[2:], value if given else rest.pop(0))
        else:
            _stop(f"unknown option {word}")
    return options, rest


def _stop(why: str) -> NoReturn:
    sys.stderr.write(f"franken run: {why}\n{USAGE}")
    sys.exit(2)


def _start(options: Options, rest: list[str]) -> None:
    import franken

    franken.install()
    if options.device is not None:
        franken.set_default_device(options.device)
    before, sys.excepthook = sys.excepthook, _show
    leaving = None
    with contextlib.ExitStack() as around:
        around.callback(_note_failure)
        if options.explain:
            from franken.faces.hook import explain

            around.enter_context(explain.watching(sys.stderr))
        if options.record is not None:
            around.enter_context(franken.autograd.record.record(options.record, level=3))
        try:
            _run_module(rest) if options.module else _run_script(rest)
        except SystemExit as error:  # a program's way to end, not a failure of what is around it
            leaving = error
    sys.excepthook = before
    if leaving is not None:
        if leaving.code not in (None, 0):
            atexit.register(_list_lacking)
        raise leaving


def _run_module(rest: list[str]) -> None:
    sys.argv[:] = ["-m", *rest[1:]]
    sys.path[0] = os.getcwd()
    runpy._run_module_as_main(rest[0])  # type: ignore[attr-defined]


def _run_script(rest: list[str]) -> None:
    sys.argv[:] = rest
    path = rest[0]
    if os.path.isdir(path) or _is_archive(path):
        sys.path[0] = path
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        return
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    main = ModuleType("__main__")
    vars(main).update(__file__=path, __builtins__=__builtins__, __cached__=None)
    try:
        with io.open_code(os.path.abspath(path)) as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(
            f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno {error.errno}] "
            f"{error.strerror}\n"
        )
        sys.exit(2)
    sys.modules["__main__"] = main
    exec(compile(source, path, "exec", dont_inherit=True), vars(main))


def _is_archive(path: str) -> bool:
    if path.endswith(".py") or not os.path.isfile(path):
        return False
    import zipfile

    return zipfile.is_zipfile(path)


# --- the end of a run ----------------------------------------------------------------------------


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as plain Python would: without the frames that run the program."""
    while trace is not None and trace.tb_frame.f_code.co_filename in _HERE:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def _note_failure() -> None:
    """If the program failed, list what it asked for in vain, behind its traceback."""
    if sys.exc_info()[1] is not None:
        atexit.register(_list_lacking)


def _list_lacking() -> None:
    from franken.faces.hook.lacking import ASKED

    if ASKED:
        lines = [f"  {name}  asked for by {place}" for name, place in sorted(ASKED.items())]
        sys.stderr.write("\n".join(("franken lacks, of torch's names:", *lines, "")))


if __name__ == "__main__":
    from franken.run import main as run

    run(sys.argv[1:])
