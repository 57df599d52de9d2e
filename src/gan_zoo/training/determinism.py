"""The same numbers again from the same GPU, for whoever asks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gan_zoo.schema import SettingError

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIXED = ":4096:8"  # the larger of the two sizes with which cuBLAS repeats itself


@contextmanager
def repeatable(asked: bool) -> Iterator[None]:
    """Inside, if asked for, GPUs only use algorithms whose results repeat; left as it was found.

    Jobs of a sweep share a process, so one of them must not decide for the next. Raises
    SettingError for an operation that has no such algorithm.
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
        raise SettingError("deterministic", True, str(error).partition(".")[0]) from None
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
        os.environ.pop(_WORKSPACE)
        os.environ.update({_WORKSPACE: workspace} if workspace is not None else {})
