"""A stand-in for an accelerator: a device type made in Python, whose kernels are the CPU's.

`install` adds it to torch as `standin`. As on Apple's GPUs, float64 is an error, and so is an
operation on tensors of different devices. It has no autocast to bfloat16, and no random generators.

`python tests/stand_in_device.py train.py KEY=VALUE ...` runs a script of the project with it.
"""

import runpy
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._pytree import tree_iter, tree_map

NAME, FULL_NAME = "standin", "a device made in Python"
_FACTORIES = ("empty.memory_format", "empty_strided", "arange", "arange.start", "arange.start_step")


class StandInTensor(torch.Tensor):
    """A tensor on the stand-in; `content` is the tensor in the CPU's memory."""

    content: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, content: torch.Tensor) -> "StandInTensor":
        if content.dtype == torch.float64:
            raise TypeError(f"{NAME} has no float64")
        strides, dtype = content.stride(), content.dtype
        self = torch.Tensor._make_wrapper_subclass(
            cls, content.shape, strides=strides, dtype=dtype, device=f"{NAME}:0"
        )
        self.content = content
        return self

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation on the contents; results are on the stand-in unless sent to the CPU."""
        kwargs = dict(kwargs or {})
        given = [x for x in tree_iter((args, kwargs)) if isinstance(x, torch.Tensor)]
        if func is not torch.ops.aten.copy_.default:
            _refuse_other_devices(func, given)
        if kwargs.get("generator") is not None:
            raise RuntimeError(f"Expected a '{NAME}' device type for generator")
        target = kwargs.get("device")
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        result = func(*tree_map(_content, args), **tree_map(_content, kwargs))
        if target is not None and torch.device(target).type == "cpu":
            return result
        wrappers = {id(x.content): x for x in given if isinstance(x, StandInTensor)}
        return tree_map(lambda x: _wrapped(x, wrappers), result)

    def tolist(self) -> Any:
        """Return the values; torch refuses this method to subclasses."""
        return self.cpu().tolist()

    def __repr__(self) -> str:
        return f"StandInTensor({self.content})"


def _content(x: Any) -> Any:
    return x.content if isinstance(x, StandInTensor) else x


def _wrapped(x: Any, wrappers: dict[int, StandInTensor]) -> Any:
    """Return the argument that an operation has changed in place, or wrap a new result."""
    if not isinstance(x, torch.Tensor):
        return x
    wrapper = wrappers.get(id(x))
    if wrapper is None:
        return StandInTensor(x)
    assert wrapper.shape == x.shape, "changing a shape in place is not supported"
    return wrapper


def _refuse_other_devices(func: Any, given: list[torch.Tensor]) -> None:
    if any(x.dim() and not isinstance(x, StandInTensor) for x in given):
        raise RuntimeError(f"{func}: Expected all tensors to be on the same device, {NAME}")


def is_possible() -> bool:
    """Return whether this version of torch has what `install` needs; it is no public interface."""
    return hasattr(backend_registration, "_setup_privateuseone_for_python_backend")


def install() -> None:
    """Add the device type to torch, for the rest of this process."""
    module = types.ModuleType(f"torch.{NAME}")
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.device_count, module.current_device = lambda: 1, lambda: 0
    module.manual_seed_all = lambda seed: None
    module.get_amp_supported_dtype = lambda: [torch.float16]
    module.get_device_name = lambda device=None: FULL_NAME
    module.synchronize = lambda device=None: None
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=module)
    library = torch.library.Library("aten", "IMPL")
    for name in _FACTORIES:
        operation, _, overload = name.partition(".")
        function = getattr(getattr(torch.ops.aten, operation), overload or "default")
        library.impl(name, _factory(function), "PrivateUse1")
    library.impl("_copy_from", _copy_from, "PrivateUse1")
    module.library = library  # it takes its operations with it


def _factory(function: Any) -> Callable[..., StandInTensor]:
    def make(*args: Any, **kwargs: Any) -> StandInTensor:
        return StandInTensor(function(*args, **{**kwargs, "device": "cpu", "pin_memory": False}))

    return make


def _copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> Any:
    _content(target).copy_(_content(source))
    return target


if __name__ == "__main__":
    install()
    sys.argv = [str(Path(__file__).parents[1] / sys.argv[1]), *sys.argv[2:]]
    runpy.run_path(sys.argv[0], run_name="__main__")
