"""torch.utils.collect_env: what a report of a fault should say of the machine."""

from __future__ import annotations

import platform
import sys
from typing import Any, NamedTuple

from franken.faces.around import config, torch_version


class SystemEnv(NamedTuple):
    """What is known of the machine."""

    torch_version: str
    is_debug_build: str
    python_version: str
    python_platform: str
    os: str
    libc_version: str
    built_with: str


def get_env_info() -> SystemEnv:
    """What is known of this machine."""
    return SystemEnv(
        torch_version.VERSION, "False", sys.version.replace("\n", " "), platform.platform(),
        f"{platform.system()} {platform.release()}", "-".join(platform.libc_ver()), config.show(),
    )  # fmt: skip


def get_pretty_env_info() -> str:
    """The same as text, a line each."""
    return pretty_str(get_env_info())


def pretty_str(envinfo: Any) -> str:
    """What `get_env_info` returned, as text."""
    return "\n".join(f"{n.replace('_', ' ')}: {v}" for n, v in envinfo._asdict().items())


def main() -> None:
    """Write the report."""
    sys.stdout.write(get_pretty_env_info() + "\n")


if __name__ == "__main__":
    main()
