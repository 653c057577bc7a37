"""The module classes under torch.nn.modules' names."""

from __future__ import annotations

from franken.nn.container_params import *  # noqa: F403
from franken.nn.modules.activation import *  # noqa: F403
from franken.nn.modules.adaptive import *  # noqa: F403
from franken.nn.modules.attention import *  # noqa: F403
from franken.nn.modules.batchnorm import *  # noqa: F403
from franken.nn.modules.container import *  # noqa: F403
from franken.nn.modules.conv import *  # noqa: F403
from franken.nn.modules.distance import *  # noqa: F403
from franken.nn.modules.dropout import *  # noqa: F403
from franken.nn.modules.flatten import *  # noqa: F403
from franken.nn.modules.fold import *  # noqa: F403
from franken.nn.modules.instancenorm import *  # noqa: F403
from franken.nn.modules.linear import *  # noqa: F403
from franken.nn.modules.loss import *  # noqa: F403
from franken.nn.modules.module import Module as Module
from franken.nn.modules.normalization import *  # noqa: F403
from franken.nn.modules.padding import *  # noqa: F403
from franken.nn.modules.pooling import *  # noqa: F403
from franken.nn.modules.rnn import *  # noqa: F403
from franken.nn.modules.shuffle import *  # noqa: F403
from franken.nn.modules.sparse import *  # noqa: F403
from franken.nn.modules.transformer import *  # noqa: F403
from franken.nn.modules.upsampling import *  # noqa: F403

__all__ = [name for name in globals() if name[0].isupper()]  # noqa: PLE0605
