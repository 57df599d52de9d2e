"""Compile a step into one graph: passes, gradients, penalty, updates, clipping, EMA.

A forward and a backward pass compiled apart lose on CPUs, where what one saves for the other costs
more than computing it again. In one graph nothing is saved, and the optimizer update is fused
into the same graph.
"""

import atexit
import gc
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
import torch._dynamo
from torch import Tensor
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from gan_zoo.training.graph_rewrites import GraphRewrites
from gan_zoo.training.noise import Noise
from gan_zoo.training.runner import Batches, StepRunner, warn_fallback
from gan_zoo.training.step import GANState, StackedMetrics, critic_and_generator, critic_only
from gan_zoo.training.traceable import TraceableStep, traceable_copy

_CACHE = "~/.cache/gan_zoo/compiled"
_CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
# the compiler leaves a million objects, in which Python looks for garbage for seconds when it ends
atexit.register(gc.freeze)
# which warns where there is a CUDA compiler but no GPU, in the middle of a progress bar
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
# torch 2.12 says so of CPUs, too
warnings.filterwarnings("ignore", "CUTLASS backend is not supported")

_OPTIONS = {
    # what guards check never changes, and checking a hundred tensors takes a tenth of a step
    "guard_filter_fn": lambda guards: [False] * len(guards),
    "size_asserts": False,  # likewise
    "post_grad_custom_post_pass": GraphRewrites(),
    "cpp.min_chunk_size": 1 << 14,  # elements per thread: with fewer, one thread is as fast
    # reading torch's headers takes longer than compiling: build no program only to test vectors
    "cpp.vec_isa_ok": True,
}
# one file in C++ for all kernels; compiling headers for further ones would take longer
_CPU_OPTIONS = {"cpp_wrapper": True, "cpp_cache_precompile_headers": False}


class CompiledRunner(StepRunner):
    """Compiles steps when they first run; results equal eager steps up to rounding.

    Makes two graphs: a critic update alone, and a critic update with a generator update. If either
    cannot be compiled, both run eagerly, and a warning says why.

    Args:
        like: a runner of a GAN that differs in values only, with which to share the graphs.

    Raises TypeError for an optimizer that cannot be traced.
    """

    def __init__(
        self,
        gan: GANState,
        loader: Batches,
        noise: Noise,
        like: "CompiledRunner | None" = None,
    ):
        super().__init__(gan, loader, noise)
        torch._dynamo.config.trace_autograd_ops = True  # the graph contains the gradients
        _keep_cache()
        self._traceable = traceable_copy(gan)
        critic = self._traceable.critic_update = TraceableStep(gan.critic_update)
        generator = self._traceable.generator_update = TraceableStep(gan.generator_update)
        self._parts = {
            critic_only: [critic],
            critic_and_generator: [critic, generator, *self._traceable.emas],
        }
        options = {**_OPTIONS, **(_CPU_OPTIONS if gan.device.type == "cpu" else {})}
        options["cpp.threads"] = torch.get_num_threads()  # during the first step there may be fewer
        own = {} if like else {step: _compile(step, options) for step in self._parts}
        self._graphs = dict(like._graphs) if like else own
        self._not_yet_called = set(self._parts)

    def update(self, step: Callable[..., StackedMetrics], *batch: Any) -> StackedMetrics:
        """Call `critic_only` or `critic_and_generator` on a batch, compiled if possible."""
        if not self._graphs:
            return step(self.gan, *batch)
        if step not in self._not_yet_called:
            return self._run_graph(step, batch)
        self._not_yet_called.remove(step)
        try:
            return self._run_graph(step, batch)
        except Exception as error:  # compilers fail in many ways, before they change anything
            warn_fallback(error)
            self._graphs.clear()
            return step(self.gan, *batch)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Return the gradients of each network's last update."""
        gan = self._traceable if self._graphs else self.gan
        return StepRunner(gan, self.loader, self.noise).gradients()

    def _run_graph(self, step: Callable, batch: Sequence[Any]) -> StackedMetrics:
        for part in self._parts[step]:
            part.before()
        metrics = self._graphs[step](self._traceable, *batch)
        for part in self._parts[step]:
            part.after()
        self.gan.scored = self._traceable.scored
        self.gan.stop_answer = self._traceable.stop_answer
        return metrics


def _keep_cache() -> None:
    """Let torch keep what it compiles, unless the user says where: its own folder is temporary.

    Importing its compiler sets the variable.
    """
    if os.environ.get(_CACHE_VARIABLE) in (None, default_cache_dir()):
        os.environ[_CACHE_VARIABLE] = str(Path(_CACHE).expanduser())


def _compile(step: Callable, options: dict[str, Any]) -> Callable:
    """Compile a copy of a step: torch caches compiled code by code object, shared between jobs."""
    if "cpp_wrapper" in options and torch.__version__ < "2.12":
        return _refuse
    own = FunctionType(step.__code__.replace(), step.__globals__, step.__name__)
    return torch.compile(own, fullgraph=True, options=options)


def _refuse(*_: Any) -> StackedMetrics:
    """Stand for a graph on a CPU in torch 2.11.

    Its compiler gives wrong weights to stacked runs whose learning rates differ.
    """
    raise RuntimeError(f"torch {torch.__version__} compiles wrong steps on a CPU; use torch 2.12")
