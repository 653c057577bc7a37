"""`franken demo`: train twice, compare bits, replay a step, explain a gradient, repair a file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

MINIMUM = 0.97  # held-out accuracy below which the demo fails


@click.command()
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda:N.")
@click.option("--seed", default=0, show_default=True, help="Seed of weights and data order.")
@click.option("--epochs", default=24, show_default=True, help="Passes over the training images.")
@click.option(
    "--data", type=click.Path(exists=True, dir_okay=False), default=None,
    help="A file of UCI's optdigits; by default the one in an installed scikit-learn, or else the "
    "drawn digits shipped with franken.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and no progress.")
def command(device: str, seed: int, epochs: int, data: str | None, as_json: bool) -> None:
    """Train a small convolutional net on 8 x 8 digits and check what it claims.

    It trains twice from one seed and compares the SHA-256 of all weights, records one step and
    replays it bit for bit in a fresh process, prints where one gradient came from, and damages and
    repairs the checkpoint.
    """
    from rich.console import Console

    console = Console(quiet=as_json, highlight=False, soft_wrap=True)
    result = run(device, seed, epochs, data, console)
    if as_json:
        click.echo(json.dumps(result))
    sys.exit(0 if result["ok"] else 1)


def run(device: str, seed: int, epochs: int, data: str | None, console: Any) -> dict[str, Any]:
    """Do all parts; returns what was measured."""
    from franken.cli import training

    train_data, test_data, source = _load(data, device)
    console.print(f"[bold]1. Train[/] on {source}: {len(train_data[0])} images, "
                  f"{len(test_data[0])} held out, device {device}, seed {seed}")  # fmt: skip
    began = time.perf_counter()
    model, optimizer, losses = _train(train_data, seed, epochs, device, console)
    seconds = time.perf_counter() - began
    score = training.accuracy(model, test_data)
    digest = training.weights_digest(model)
    console.print(f"   loss {losses[0]:.3f} -> {losses[-1]:.4f}, held-out accuracy {score:.2%} "
                  f"in {seconds:.1f} s")  # fmt: skip
    console.print(f"   weights SHA-256 {digest}")
    console.print("[bold]2. Train again[/] from the same seed")
    again = training.weights_digest(_train(train_data, seed, epochs, device, console)[0])
    same = again == digest
    console.print(f"   weights SHA-256 {again}  " + _verdict(same, "same bits", "DIFFERENT bits"))
    console.print("[bold]3. Record[/] one more step, and [bold]replay[/] it in a fresh process")
    replayed = _record_and_replay(model, optimizer, train_data, console)
    console.print(
        "[bold]4. Explain[/] the gradient of the first weight: each op, its line, up to the loss"
    )
    tree = str(next(iter(model.parameters())).grad.provenance)
    for line in tree.splitlines():
        console.print("   " + line, markup=False, soft_wrap=True)
    console.print("[bold]5. Save[/] the weights, [bold]damage[/] the file, and repair it")
    repaired = _damage_and_repair(model, console)
    accurate = score >= MINIMUM
    ok = accurate and same and replayed["ok"] and repaired["ok"]
    console.print(_verdict(ok, "PASS", "FAIL") + f"  accuracy >= {MINIMUM:.0%}: {accurate}, "
                  f"same weights: {same}, replay bit for bit: {replayed['ok']}, "
                  f"repaired: {repaired['ok']}")  # fmt: skip
    return {
        "ok": ok, "data": source, "device": device, "seed": seed, "epochs": epochs,
        "accuracy": score, "seconds": round(seconds, 2), "weights_sha256": digest,
        "weights_sha256_again": again, "replay": replayed, "provenance": tree,
        "repair": repaired,
    }  # fmt: skip


def _verdict(good: bool, yes: str, no: str) -> str:
    return f"[green]{yes}[/]" if good else f"[bold red]{no}[/]"


def _load(data: str | None, device: str) -> tuple[Any, Any, str]:
    """Training and held-out tensors (every fourth image is held out), and what they are."""
    from franken.cli.training import tensors
    from franken.data import load_digits, read_optdigits, sklearn_optdigits

    found = data or sklearn_optdigits()
    if found is None:
        images, labels = load_digits()
        source = "drawn digits (made by a program; scikit-learn would bring handwritten ones)"
    else:
        try:
            images, labels = read_optdigits(found)
        except (ValueError, EOFError, OSError) as error:
            raise click.UsageError(f"{found}: {error}") from error
        where = f"of {Path(data).name}" if data else "(UCI optdigits, from scikit-learn)"
        source = f"handwritten digits {where}"
    held = [i % 4 == 3 for i in range(len(images))]
    kept = [not h for h in held]
    return (
        tensors(images[kept], labels[kept], device),
        tensors(images[held], labels[held], device),
        source,
    )


def _train(
    data: Any, seed: int, epochs: int, device: str, console: Any
) -> tuple[Any, Any, list[float]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from franken.cli.training import steps_per_run, train

    losses: list[float] = []
    columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=console.quiet or not console.is_terminal
    ) as bar:
        task = bar.add_task("loss", total=steps_per_run(len(data[0]), epochs))

        def tick(loss: float) -> None:
            losses.append(loss)
            bar.update(task, advance=1, description=f"loss {loss:.4f}")

        model, optimizer = train(data, seed, epochs, device, tick)
    return model, optimizer, losses


def _damage_and_repair(model: Any, console: Any) -> dict[str, Any]:
    from franken.cli import demo_repair
    from franken.cli.training import weights_digest

    before = weights_digest(model)
    report = demo_repair.run(model, console)
    report["ok"] = report["ok"] and report["weights_sha256"] == before
    console.print("   " + _verdict(report["ok"], "the same weights, bit for bit", "NOT repaired"))
    return report


def _record_and_replay(model: Any, optimizer: Any, data: Any, console: Any) -> dict[str, Any]:
    from franken.autograd.record import record
    from franken.cli.training import BATCH, step

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "step.ftr")
        with record(path, level=3) as rec:
            step(model, optimizer, data[0][:BATCH], data[1][:BATCH])
        size = path.stat().st_size
        console.print(f"   {len(rec.steps)} kernels recorded, {size / 1024:.0f} KiB")
        child = subprocess.run(
            [sys.executable, "-m", "franken", "replay", str(path), "--json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if child.returncode not in (0, 1):
        raise RuntimeError(f"franken replay ended with {child.returncode}: {child.stderr.strip()}")
    report = json.loads(child.stdout)
    ok = child.returncode == 0
    console.print("   " + _verdict(ok, "every output agrees bit for bit", f"diverged: {report}"))
    return {"ok": ok, "kernels": len(rec.steps), "bytes": size}
