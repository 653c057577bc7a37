"""Optimizers under torch.optim's names."""

from __future__ import annotations

from franken.optim import lr_scheduler as lr_scheduler
from franken.optim import swa_utils as swa_utils
from franken.optim._muon import Muon
from franken.optim.adadelta import Adadelta
from franken.optim.adafactor import Adafactor
from franken.optim.adagrad import Adagrad
from franken.optim.adam import Adam, AdamW
from franken.optim.adamax import Adamax
from franken.optim.asgd import ASGD
from franken.optim.lbfgs import LBFGS
from franken.optim.nadam import NAdam
from franken.optim.optimizer import Optimizer
from franken.optim.radam import RAdam
from franken.optim.rmsprop import RMSprop
from franken.optim.rprop import Rprop
from franken.optim.sgd import SGD
from franken.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon",
    "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SparseAdam",
]  # fmt: skip
