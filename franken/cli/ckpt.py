"""`franken ckpt`: protect, verify, repair, inspect, compare, convert and prove checkpoint files."""

from __future__ import annotations

import click

from franken.cli import Verbs

VERBS = {
    "protect": ("franken.cli.ckpt_protect", "Write a sidecar that can repair a file or a set."),
    "verify": ("franken.cli.ckpt_verify", "Compare a file with its sidecar; show the damage."),
    "repair": ("franken.cli.ckpt_repair", "Repair a damaged file from its sidecar."),
    "prove": ("franken.cli.ckpt_prove", "Drop symbols, rebuild them, compare every bit."),
    "inspect": ("franken.cli.ckpt_inspect", "List what a file holds; execute nothing in it."),
    "diff": ("franken.cli.ckpt_diff", "Compare two checkpoints, tensor by tensor."),
    "convert": ("franken.cli.ckpt_convert", "Write a checkpoint in another format."),
}


@click.group(cls=Verbs, table=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Checkpoints that prove and repair themselves.

    `protect` writes PATH.frq beside a file: digests of the file, of its tensors and of pieces of
    it, and RaptorQ repair symbols (RFC 6330). `verify` then says whether the file is what it was,
    and `repair` undoes the damage, whatever caused it, up to the redundancy that was chosen. The
    file itself is never changed by `protect` or `verify`.

    Any file will do. Of .safetensors, .pt (torch 1.6 and later), .npz, .npy and index files the
    tensors are known by name; nothing that a file holds is ever executed.

    \b
    Examples:
      franken ckpt protect model.safetensors
      franken ckpt verify model.safetensors
      franken ckpt repair model.safetensors
      franken ckpt protect --shards --lost 1 checkpoint-folder/

    \b
    Exit codes:
      0  intact, or done
      1  damaged, and repairable (diff: different)
      2  bad input: nothing was written
      3  not proven: there is no sidecar, or a proof failed
      4  damaged beyond repair
    """
