"""torch.utils: checkpointing, data loading and other helpers, imported when first asked for.

Written by `python -m conformance stubs`: do not edit."""

from franken.utils import benchmark as benchmark
from franken.utils import checkpoint as checkpoint
from franken.utils import collect_env as collect_env
from franken.utils import data as data
from franken.utils import deterministic as deterministic
from franken.utils import dlpack as dlpack
from franken.utils import hooks as hooks
from franken.utils import model_zoo as model_zoo
from franken.utils import serialization as serialization
