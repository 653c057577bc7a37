"""Settings of the whole test run."""

from __future__ import annotations

from hypothesis import settings

# Same examples on every run; and no deadline, because a busy machine is not a fault of the code.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")
