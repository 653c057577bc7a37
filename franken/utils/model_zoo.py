"""torch.utils.model_zoo: the older name of `torch.hub.load_state_dict_from_url`."""

from __future__ import annotations

from franken.faces.around.hub import __getattr__ as __getattr__  # tqdm
from franken.faces.around.hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]
