"""Datasets, samplers and loaders under torch.utils.data's names."""

from __future__ import annotations

from franken.utils.data.collate import default_collate as default_collate
from franken.utils.data.collate import default_convert as default_convert
from franken.utils.data.dataloader import DataLoader as DataLoader
from franken.utils.data.dataset import ChainDataset as ChainDataset
from franken.utils.data.dataset import ConcatDataset as ConcatDataset
from franken.utils.data.dataset import Dataset as Dataset
from franken.utils.data.dataset import IterableDataset as IterableDataset
from franken.utils.data.dataset import StackDataset as StackDataset
from franken.utils.data.dataset import Subset as Subset
from franken.utils.data.dataset import TensorDataset as TensorDataset
from franken.utils.data.dataset import random_split as random_split
from franken.utils.data.distributed import DistributedSampler as DistributedSampler
from franken.utils.data.sampler import BatchSampler as BatchSampler
from franken.utils.data.sampler import RandomSampler as RandomSampler
from franken.utils.data.sampler import Sampler as Sampler
from franken.utils.data.sampler import SequentialSampler as SequentialSampler
from franken.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from franken.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from franken.utils.data.worker import get_worker_info as get_worker_info
