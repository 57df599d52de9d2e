"""Compile a step into one graph: passes, gradients, penalty, updates, clipping, EMA.

A forward and a backward pass compiled apart lose on CPUs, where what one saves for the other costs
more than computing it again. In one graph nothing is saved, and the optimizer update is fused
into the same graph.
"""

import atexit
import gc
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
import torch._dynamo
from torch import Tensor, fx
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch._inductor.runtime.cache_dir_utils import default_cache_dir
from torch._ops import OpOverload

from gan_zoo.training.noise import Noise
from gan_zoo.training.runner import Batches, StepRunner, warn_fallback
from gan_zoo.training.step import GANState, StackedMetrics, critic_and_generator, critic_only
from gan_zoo.training.traceable import TraceableStep, traceable_copy

_CACHE = "~/.cache/gan_zoo/compiled"
_CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
_aten = torch.ops.aten
_ZERO_IF_ONE_IS = {  # of which one argument is zero
    _aten.bmm.default,
    _aten.expand.default,
    _aten.mm.default,
    _aten.mul.Scalar,
    _aten.mul.Tensor,
    _aten.neg.default,
    _aten.permute.default,
    _aten.reshape.default,
    _aten.squeeze.dim,
    _aten.sum.dim_IntList,
    _aten.unsqueeze.default,
    _aten.view.default,
}
# the compiler leaves a million objects, in which Python looks for garbage for seconds when it ends
atexit.register(gc.freeze)
# which warns where there is a CUDA compiler but no GPU, in the middle of a progress bar
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)


class _RewriteProducts(CustomGraphPass):
    """Make no product twice or of zeros; let what follows the others read memory in order."""

    def __call__(self, graph: fx.Graph) -> None:
        _share_equals(graph)
        _remove_zeros(graph)
        _split_biases(graph)
        _transpose_factors(graph)

    def uuid(self) -> str:
        """Return the name of this pass in the key of the compile cache."""
        return "gan_zoo: equals shared, no zeros, biases apart from products, transposed factors"


def _share_equals(graph: fx.Graph) -> None:
    """Compute equal values once, such as the scores in the critic's loss and in its penalty.

    Nothing is changed in place here, but for the copies into arguments at the end.
    """
    first: dict[tuple, fx.Node] = {}
    for node in graph.nodes:
        if isinstance(node.target, OpOverload) and not _has_effects(node.target):
            same = first.setdefault((node.target, repr(node.args), repr(node.kwargs)), node)
            if same is not node:
                node.replace_all_uses_with(same)
                graph.erase_node(node)


def _has_effects(operation: OpOverload) -> bool:
    return operation._schema.is_mutable or torch.Tag.nondeterministic_seeded in operation.tags


def _remove_zeros(graph: fx.Graph) -> None:
    """Remove what is computed of zeros: the second derivatives of (leaky) ReLU in penalties."""
    zeros: set[fx.Node] = set()
    for node in graph.nodes:
        terms = [each for each in node.args if isinstance(each, fx.Node)]
        if _is_zero(node, terms, zeros):
            zeros.add(node)
        elif node.target is _aten.add.Tensor and len(terms) == 2 and not node.kwargs:
            rest = [each for each in terms if each not in zeros]
            if len(rest) == 1 and _type(*rest) == _type(node):
                node.replace_all_uses_with(*rest)
    for node in zeros:
        shape, dtype, device = _type(node)
        if node.target is not _aten.full.default and all(isinstance(size, int) for size in shape):
            with graph.inserting_before(node):
                zero = graph.call_function(
                    _aten.full.default, (list(shape), 0), {"dtype": dtype, "device": device}
                )
            zero.meta.update(node.meta)
            node.replace_all_uses_with(zero)
    graph.eliminate_dead_code()


def _is_zero(node: fx.Node, terms: Sequence[fx.Node], zeros: set[fx.Node]) -> bool:
    """Return whether all elements are zero. terms: the tensors among the arguments."""
    if node.target is _aten.full.default:
        return node.args[1] == 0
    if node.target is _aten.where.self:
        return zeros.issuperset(terms[1:])
    if node.target is _aten.add.Tensor:
        return zeros.issuperset(terms) and len(terms) == 2
    return node.target in _ZERO_IF_ONE_IS and not zeros.isdisjoint(terms)


def _type(node: fx.Node) -> tuple[torch.Size, torch.dtype, torch.device]:
    value = node.meta["val"]
    return value.shape, value.dtype, value.device


def _split_biases(graph: fx.Graph) -> None:
    """Split biases off matrix products, so that they fuse into the following activation.

    Otherwise each bias is first copied into every row of the product's output.
    """
    for node in graph.find_nodes(op="call_function", target=_aten.addmm.default):
        bias, *factors = node.args
        if node.kwargs:  # also scales
            continue
        with graph.inserting_before(node):
            product = graph.call_function(_aten.mm.default, tuple(factors))
            total = graph.call_function(_aten.add.Tensor, (product, bias))
        for new in (product, total):
            new.meta.update(node.meta)
        node.replace_all_uses_with(total)
        graph.erase_node(node)


def _transpose_factors(graph: fx.Graph) -> None:
    """Replace transposed products of a stack by products of the transposed factors.

    The gradients of stacked weights are such products, and updates would read them against their
    order, which takes as long as the product.
    """
    for node in graph.find_nodes(op="call_function", target=_aten.permute.default):
        product, order = node.args
        is_stacked = product.target is _aten.bmm.default and list(order) == [0, 2, 1]
        if not is_stacked or len(product.users) > 1:
            continue
        with graph.inserting_before(node):
            factors = [
                graph.call_function(_aten.permute.default, (factor, [0, 2, 1]))
                for factor in reversed(product.args)
            ]
            transposed = graph.call_function(_aten.bmm.default, tuple(factors))
        node.replace_all_uses_with(transposed)
        graph.erase_node(node)
        graph.erase_node(product)


_OPTIONS = {
    # what guards check never changes, and checking a hundred tensors takes a tenth of a step
    "guard_filter_fn": lambda guards: [False] * len(guards),
    "size_asserts": False,  # likewise
    "post_grad_custom_post_pass": _RewriteProducts(),
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
    own = FunctionType(step.__code__.replace(), step.__globals__, step.__name__)
    return torch.compile(own, fullgraph=True, options=options)
