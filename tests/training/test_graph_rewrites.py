"""Rewritten graphs compute the same, with fewer operations."""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from gan_zoo.training.graph_rewrites import GraphRewrites


@pytest.mark.parametrize("users", [1, 2])
def test_transposed_products_become_products(users):
    graph, aten = torch.fx.Graph(), torch.ops.aten
    x, y = graph.placeholder("x"), graph.placeholder("y")
    product = graph.call_function(aten.bmm.default, (x, y))
    transposed = graph.call_function(aten.permute.default, (product, [0, 2, 1]))
    graph.output((transposed, product) if users == 2 else transposed)
    GraphRewrites()(graph)
    called = [node.target for node in graph.nodes if node.op == "call_function"]
    assert called[-1] == (aten.permute.default if users == 2 else aten.bmm.default)
    given = torch.rand(3, 4, 5), torch.rand(3, 5, 6)
    found = torch.fx.GraphModule({}, graph)(*given)
    found, expected = found[0] if users == 2 else found, torch.bmm(*given).mT
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous() == (users == 1)


def zeros_and_equals(x, y):
    """Products of zeros, which are added to others or alone, and one product twice."""
    zeros = torch.full(x.shape, 0.0)
    kept = torch.where(x > 0, zeros @ y, 0.2 * (zeros @ y))
    return x @ y + kept, (x @ y) * (zeros @ x) + zeros.sum(0), zeros @ x + x @ x, kept + 1


def test_nothing_is_computed_twice_or_of_zeros():
    given = torch.rand(3, 3) - 0.5, torch.rand(3, 3)
    traced = make_fx(zeros_and_equals, tracing_mode="fake")(*given)
    expected = traced(*given)
    GraphRewrites()(traced.graph)
    traced.recompile()
    torch.testing.assert_close(traced(*given), expected)
    assert len(traced.graph.find_nodes(op="call_function", target=torch.ops.aten.mm.default)) == 2


def noise_twice(x):
    return torch.rand_like(x), torch.rand_like(x)


def test_random_numbers_are_drawn_each_time():
    traced = make_fx(noise_twice, tracing_mode="fake")(torch.zeros(9))
    GraphRewrites()(traced.graph)
    traced.recompile()
    one, two = traced(torch.zeros(9))
    assert not torch.equal(one, two)
