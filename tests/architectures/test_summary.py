"""Layer layer_tables: every layer, sums, and no side effects."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_zoo.architectures import characters, dcgan, mlp, resnet
from gan_zoo.architectures.summary import Row, describe, layer_table, layer_tables


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_rows_are_layers_in_order():
    critic = mlp.critic((1, 4, 4), 3, hidden=(8,))
    x, y = torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64)
    assert describe(critic, x, y) == [
        Row("body.first", "Flatten", (16,), 0),
        Row("body.rest.0.0", "Linear", (8,), 16 * 8 + 8),
        Row("body.rest.0.1", "ReLU", (8,), 0),
        Row("body.rest.0.2", "Linear", (3,), 8 * 3 + 3),
    ]


def test_layers_that_return_a_tuple_have_the_shape_of_its_first_part():
    class Attentive(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.memory = nn.GRU(8, 5, batch_first=True)

        def forward(self, x):
            return self.memory(self.attention(x, x, x)[0])[0]

    network = Attentive()
    rows = describe(network, torch.zeros(2, 4, 8))
    assert {row.name: row.shape for row in rows}["memory"] == (4, 5)
    assert {row.name: row.shape for row in rows}["attention"] == (4, 8)


@pytest.mark.parametrize("family", [dcgan, characters, resnet])
@pytest.mark.parametrize("prepare", [None, spectral_norm])
def test_rows_sum_to_the_network(family, prepare):
    labels = {} if family is resnet else {"labels": "embedding", "label_dim": 4}
    critic = family.critic((1, 16, 16), 3, width=4, **labels)
    for layer in critic.modules():
        if prepare and isinstance(layer, (nn.Conv2d, nn.Linear)):
            prepare(layer)
    rows = describe(critic, torch.zeros(2, 1, 16, 16), torch.zeros(2, dtype=torch.int64))
    assert sum(row.parameters for row in rows) == count(critic)
    assert {row.kind for row in rows} >= {"Conv2d"}
    assert not any("Parametri" in row.kind for row in rows)


def test_layer_that_runs_twice_is_counted_once():
    layer = nn.Linear(2, 2)
    rows = describe(nn.Sequential(layer, nn.ReLU(), layer), torch.zeros(1, 2))
    assert [row.parameters for row in rows] == [6, 0, 0]


def test_network_is_unchanged():
    generator = dcgan.generator((1, 8, 8), 1, width=4)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    text = layer_tables(generator, dcgan.critic((1, 8, 8), 1, width=4), (1, 8, 8))
    assert generator.training
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert not any(module._forward_hooks for module in generator.modules())
    assert f"{count(generator):,}" in text
    assert text.startswith("generator\nlayer")


def test_table_is_aligned_and_ends_in_the_sum():
    critic = dcgan.critic((3, 32, 32), 1)
    lines = layer_table(
        critic, torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64)
    ).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[-1].split() == ["sum", f"{count(critic):,}"]
    assert any(line.split()[1:3] == ["Conv2d", "64x16x16"] for line in lines)
