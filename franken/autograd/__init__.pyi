"""`torch.autograd`: reverse mode, Function, modes, hooks and checks.

Written by `python -m conformance stubs`: do not edit."""

from franken.autograd import anomaly as anomaly
from franken.autograd import api as api
from franken.autograd import checkpoint as checkpoint
from franken.autograd import forward_ad as forward_ad
from franken.autograd import function as function
from franken.autograd import functional as functional
from franken.autograd import grad_mode as grad_mode
from franken.autograd import graph as graph
from franken.autograd import hooks as hooks
from franken.autograd import profiler as profiler
from franken.autograd import provenance as provenance
from franken.autograd import record as record
from franken.autograd import replay as replay
from franken.autograd import variable as variable
from franken.autograd.anomaly import detect_anomaly as detect_anomaly
from franken.autograd.anomaly import set_detect_anomaly as set_detect_anomaly
from franken.autograd.api import backward as backward
from franken.autograd.api import grad as grad
from franken.autograd.grad_mode import enable_grad as enable_grad
from franken.autograd.grad_mode import inference_mode as inference_mode
from franken.autograd.grad_mode import is_multithreading_enabled as is_multithreading_enabled
from franken.autograd.grad_mode import no_grad as no_grad
from franken.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from franken.autograd.grad_mode import set_multithreading_enabled as set_multithreading_enabled
from franken.autograd.gradcheck import GradcheckError as GradcheckError
from franken.autograd.gradcheck import gradcheck as gradcheck
from franken.autograd.gradcheck import gradgradcheck as gradgradcheck
from franken.autograd.variable import Variable as Variable
from franken.engine.function import Function as Function
from franken.engine.function import NestedIOFunction as NestedIOFunction
from franken.engine.nodes import SavedTensor as SavedTensor
