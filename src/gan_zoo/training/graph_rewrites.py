"""Rewrite the graph of a compiled step, so that it computes less and reads memory in order."""

from collections.abc import Sequence

import torch
from torch import fx
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch._ops import OpOverload

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


class GraphRewrites(CustomGraphPass):
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
    for node in [each for each in graph.nodes if each in zeros]:
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
