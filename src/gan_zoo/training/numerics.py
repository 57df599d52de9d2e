"""Precision and determinism of networks; weights, losses, penalties, updates stay in fp32."""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from gan_zoo.schema import ConfigError

Precision = Literal["fp32", "bf16"]
Forward = Callable[[Tensor, Tensor], Tensor]

_ONE_THREAD = threading.RLock()
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_DETERMINISTIC_WORKSPACE = ":4096:8"  # the larger of the two with which cuBLAS is deterministic


def autocast_forward(network: nn.Module, precision: Precision) -> Forward:
    """Return a network as a function that computes in this precision and returns fp32.

    fp32 is fp32 on GPUs too, see `disable_tf32`. bf16 is torch's autocast: products and
    convolutions of inputs rounded to bfloat16.
    """
    if precision == "fp32":
        return network

    def forward(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x, y).float()

    return forward


def check_precision(precision: Precision, device: torch.device) -> None:
    """Raises ConfigError for bf16 on a device without autocast to it."""
    if precision == "bf16" and not _has_bf16(device):
        allowed = f"{device.type} has no autocast to bfloat16 here; use fp32"
        raise ConfigError("precision", precision, allowed)


def _has_bf16(device: torch.device) -> bool:
    """Return whether autocast computes in bfloat16 on a device; torch only warns where not."""
    x = torch.ones(1, 1, device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.autocast(device.type, torch.bfloat16):
                return (x @ x).dtype == torch.bfloat16
        except RuntimeError:
            return False


def precision_warning(precision: Precision, device: torch.device) -> str:
    """Return a warning about this precision on this device; empty if there is none."""
    vectors = torch.backends.cpu.get_cpu_capability()
    if precision == "bf16" and device.type == "cpu" and vectors in ("DEFAULT", "AVX2"):
        return (
            "this processor has no bfloat16 arithmetic: expect it to be many times slower than fp32"
        )
    return ""


def disable_tf32() -> None:
    """Keep GPUs from rounding the inputs of fp32 products and convolutions to TF32.

    torch does so by default for convolutions only; a comparison of losses should not depend on it.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Give this block torch's default dtype, device and gradients, and restore what was there.

    So a run does not depend on what the program around it has set. Restores as well its rounding to
    TF32 and the state of its default generator, which `disable_tf32` and initial weights change.
    All of these are of the process: another thread waits until this block ends.
    """
    own_rng = torch.random.fork_rng(devices=[])
    with _ONE_THREAD, own_rng, torch.inference_mode(False), _restored_precision():
        dtype = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            if torch.get_default_device().type == "cpu":
                yield
            else:
                with torch.device("cpu"):  # slows every operation a little
                    yield
        finally:
            torch.set_default_dtype(dtype)


@contextmanager
def _restored_precision() -> Iterator[None]:
    """Compute in full fp32 inside this block, and restore the precision of products after it.

    torch has two interfaces for it, and refuses to read the older one after use of the newer one.
    """
    backends, cudnn = torch.backends, torch.backends.cudnn
    newer = backends, backends.cuda.matmul, cudnn, cudnn.conv, cudnn.rnn
    try:
        older = torch.get_float32_matmul_precision(), cudnn.allow_tf32
        torch.set_float32_matmul_precision("highest")
    except RuntimeError:
        older = None
    before = [part.fp32_precision for part in newer]
    for part in newer if older is None else ():
        part.fp32_precision = "ieee"
    try:
        yield
    finally:
        if older is None:
            for part, precision in zip(newer, before, strict=True):
                part.fp32_precision = precision
        else:
            torch.set_float32_matmul_precision(older[0])
            cudnn.allow_tf32 = older[1]


@contextmanager
def deterministic(enabled: bool) -> Iterator[None]:
    """Use only deterministic algorithms on GPUs if `enabled`; restores all settings.

    Jobs of a sweep share a process, so the settings of one must not leak into the next. Raises
    ConfigError for an operation that has no such algorithm.
    """
    if not enabled:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(_WORKSPACE)
    torch.use_deterministic_algorithms(True)  # includes cuDNN's
    torch.backends.cudnn.benchmark = False  # the fastest algorithm can change from run to run
    os.environ.setdefault(_WORKSPACE, _DETERMINISTIC_WORKSPACE)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise ConfigError("deterministic", True, str(error).partition(".")[0]) from None
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        torch.backends.cudnn.benchmark = benchmark
        os.environ.pop(_WORKSPACE)
        os.environ.update({_WORKSPACE: workspace} if workspace is not None else {})
