"""Every architecture at every size: shapes, exact parameter counts, one-line refusals."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from gan_zoo.schema import ConfigError, instantiate

CONFIGS = Path(__file__).parents[2] / "configs" / "architecture"
POINTS, GRAY = (2,), (1, 28, 28)
PICTURES = [GRAY, (3, 32, 32), (3, 48, 48), (3, 64, 64), (1, 112, 112)]
EIGHTHS = [shape for shape in PICTURES if shape[1] % 8 == 0]
SHAPES = {
    "mlp": [GRAY, (3, 32, 32), POINTS],
    "mlp_points": [POINTS],
    "toy_tanh": [POINTS],
    "toy_maxout": [POINTS],
    "dcgan": [(1, 8, 8), *PICTURES],
    "cls_dcgan": PICTURES,
    "vgg": [(1, 8, 8), *PICTURES, (3, 128, 128)],
    "characters": [GRAY, (3, 32, 32), (1, 48, 48)],
    "resnet": [(1, 8, 8), *PICTURES],
    "sn_cnn": EIGHTHS,
}


def build(name, shape, num_classes=1, generator=(), critic=()):
    """Build both networks of a YAML file, with settings changed."""
    node = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    given = {"shape": shape, "num_classes": num_classes}
    changed = {"generator": dict(generator), "critic": dict(critic)}
    return [
        instantiate({**node[role], **changed[role]}, f"architecture.{role}", **given)
        for role in ("generator", "critic")
    ]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_every_yaml_has_test_shapes():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(SHAPES)


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [(name, shape, 10) for name, shapes in SHAPES.items() for shape in shapes]
    + [(name, shapes[0], 1) for name, shapes in SHAPES.items()],
)
def test_shapes_of_samples_and_scores(name, shape, classes):
    with torch.device("meta"):  # nothing may look at a value
        generator, critic = build(name, shape, classes)
        y = torch.zeros(3, dtype=torch.int64)
        x = generator(torch.empty(3, generator.z_dim), y)
        assert x.shape == (3, *shape)
        assert critic(x, y).shape == (3,)
        assert critic.scores(x).shape == (3, classes)
        assert generator.sample_z(5, torch.Generator()).shape == (5, generator.z_dim)


COUNTS = {  # shape, classes, parameters of the generator and of the critic
    "mlp": ((1, 28, 28), 1, 825_104, 233_985),  # the posts' Keras networks
    "mlp_points": ((2,), 1, 35_458, 33_537),
    "toy_tanh": ((2,), 1, 49_666, 17_025),
    "toy_maxout": ((2,), 1, 486_402, 405_201),
    "dcgan": ((3, 64, 64), 1, 3_576_704, 2_765_568),  # LS-GAN's lsgan.lua
    "cls_dcgan": ((3, 32, 32), 10, 3_530_496, 1_475_200),  # its clsgan.lua
    "vgg": ((3, 112, 112), 1, 15_591_427, 4_333_441),  # LSGAN's vgg.py
    "characters": ((1, 28, 28), 3740, 9_417_857, 21_392_155),  # its mcgan.py
    "resnet": ((3, 32, 32), 1, 4_276_739, 1_053_825),
    "sn_cnn": ((3, 32, 32), 1, 3_828_739, 2_935_873),
}


@pytest.mark.parametrize("name", SHAPES)
def test_parameter_counts_match_papers_and_documentation(name):
    shape, classes, *expected = COUNTS[name]
    with torch.device("meta"):
        networks = build(name, shape, classes)
    assert [count(role) for role in networks] == expected
    page = (CONFIGS.parents[1] / "docs" / "architectures.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    generator, critic = (f"{number:,}" for number in expected)
    assert f"| {generator} and {critic} at {'x'.join(map(str, shape))} |" in row
    assert f"z {networks[0].z_dim}, {networks[0].prior}" in row


@pytest.mark.parametrize("name", ["dcgan", "cls_dcgan", "vgg", "characters", "resnet", "sn_cnn"])
@pytest.mark.parametrize("shape", [(2,), (3, 30, 30), (1, 28, 32), (1, 3, 3), (1, 6, 6)])
@pytest.mark.parametrize("role", ["generator", "critic"])
def test_impossible_shape_is_refused_in_one_line(name, shape, role):
    node = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))[role]
    with pytest.raises(ConfigError, match="needs square images") as caught:
        instantiate(node, f"architecture.{role}", shape=shape, num_classes=1)
    message = str(caught.value)
    assert message.startswith(f"architecture.{role}.shape={'x'.join(map(str, shape))}: ")
    assert "\n" not in message
    if name == "dcgan":
        sides, _, nearest = message.partition("; nearest: ")
        assert sides.endswith("a side of 4, 5, 6 or 7 times 2, 4, 8, ...")  # 6 is refused
        assert nearest == {(3, 30, 30): "28 and 32", (1, 3, 3): "8", (1, 6, 6): "8"}.get(shape, "")
    if name == "sn_cnn" and shape == (3, 30, 30):
        assert message.endswith("a side that is a multiple of 8; nearest: 24 and 32")


@pytest.mark.parametrize(
    ("side", "strides", "critic_channels"),
    [
        (28, [2, 1, 2, 1], [2, 4]),
        (32, [2, 1, 2, 2, 1], [2, 4, 8]),
        (64, [2, 1, 2, 1, 2, 2, 1], [2, 4, 8, 16]),
        (112, [2, 1, 2, 1, 2, 2, 1], [2, 4, 8, 16]),  # the paper's
        (128, [2, 1, 2, 1, 2, 1, 2, 2, 1], [2, 4, 8, 16, 16]),
    ],
)
def test_vgg_of_every_size_follows_the_paper(side, strides, critic_channels):
    with torch.device("meta"):
        generator, critic = build("vgg", (1, side, side), 1, {"width": 2}, {"width": 2})
    deconvolutions = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.stride[0] for m in deconvolutions] == strides
    assert [m.in_channels for m in deconvolutions[:2]] == [8, 8 if side > 28 else 4]
    convolutions = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == critic_channels
