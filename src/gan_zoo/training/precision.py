"""In which numbers the networks compute; weights, losses, penalties, updates stay in fp32."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["fp32", "bf16"]
Pass = Callable[[Tensor, Tensor], Tensor]


def network_pass(network: nn.Module, precision: Precision) -> Pass:
    """A network as a function, computing in this precision and returning fp32.

    fp32 is fp32 on GPUs too, see `strict`. bf16 is torch's autocast: products and convolutions of
    inputs rounded to bfloat16.
    """
    return {"fp32": lambda: network, "bf16": lambda: _in_bf16(network)}[precision]()


def _in_bf16(network: nn.Module) -> Pass:
    def forward(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x, y).float()

    return forward


def caution(precision: Precision, device: torch.device) -> str:
    """What a user should know who asks for this precision on this device, or nothing."""
    vectors = torch.backends.cpu.get_cpu_capability()
    lacking = device.type == "cpu" and vectors in {"DEFAULT", "AVX2"}
    slow = "this processor has no bfloat16 arithmetic: expect it to be many times slower than fp32"
    return {"bf16": slow if lacking else ""}.get(precision, "")


def strict() -> None:
    """Keep GPUs from rounding the inputs of fp32 products and convolutions to TF32.

    torch by itself does so for convolutions alone; a comparison of losses should not depend on it.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
