"""Neural networks under torch.nn's names: modules, parameters, functional, init and utils."""

from __future__ import annotations

from franken.nn import functional as functional
from franken.nn import grad as grad
from franken.nn import init as init
from franken.nn import modules as modules
from franken.nn import parameter as parameter
from franken.nn import utils as utils
from franken.nn.modules import *  # noqa: F403
from franken.nn.modules.module import Module as Module
from franken.nn.parameter import Buffer as Buffer
from franken.nn.parameter import Parameter as Parameter
from franken.nn.parameter import UninitializedBuffer as UninitializedBuffer
from franken.nn.parameter import UninitializedParameter as UninitializedParameter
