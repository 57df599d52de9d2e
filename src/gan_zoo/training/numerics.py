"""Precision and determinism of networks; weights, losses, penalties, updates stay in fp32."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from gan_zoo.schema import ConfigError

Precision = Literal["fp32", "bf16"]
Forward = Callable[[Tensor, Tensor], Tensor]


def autocast_forward(network: nn.Module, precision: Precision) -> Forward:
    """A network as a function that computes in this precision and returns fp32.

    fp32 is fp32 on GPUs too, see `disable_tf32`. bf16 is torch's autocast: products and
    convolutions of inputs rounded to bfloat16.
    """
    return {"fp32": lambda: network, "bf16": lambda: _in_bf16(network)}[precision]()


def _in_bf16(network: nn.Module) -> Forward:
    def forward(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x, y).float()

    return forward


def precision_warning(precision: Precision, device: torch.device) -> str:
    """Warning about this precision on this device; empty where there is none."""
    vectors = torch.backends.cpu.get_cpu_capability()
    lacking = device.type == "cpu" and vectors in {"DEFAULT", "AVX2"}
    slow = "this processor has no bfloat16 arithmetic: expect it to be many times slower than fp32"
    return {"bf16": slow if lacking else ""}.get(precision, "")


def disable_tf32() -> None:
    """Keep GPUs from rounding the inputs of fp32 products and convolutions to TF32.

    torch by itself does so for convolutions alone; a comparison of losses should not depend on it.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIXED = ":4096:8"  # the larger of the two sizes with which cuBLAS repeats itself


@contextmanager
def deterministic(asked: bool) -> Iterator[None]:
    """Use only deterministic algorithms on GPUs if `asked`; restores all settings.

    Jobs of a sweep share a process, so one of them must not decide for the next. Raises
    ConfigError for an operation that has no such algorithm.
    """
    if not asked:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(_WORKSPACE)
    torch.use_deterministic_algorithms(True)  # cuDNN's among them
    torch.backends.cudnn.benchmark = False  # the fastest algorithm of the day may be another
    os.environ.setdefault(_WORKSPACE, _FIXED)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise ConfigError("deterministic", True, str(error).partition(".")[0]) from None
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
        os.environ.pop(_WORKSPACE)
        os.environ.update({_WORKSPACE: workspace} if workspace is not None else {})
