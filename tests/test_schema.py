"""Every wrong setting ends in one line that names key, value and what is allowed."""

import math
from typing import Annotated, Any, Literal

import pytest

from gan_zoo import schema
from gan_zoo.schema import (
    ConfigError,
    LocalPath,
    PositiveInt,
    Range,
    instantiate,
    settings,
    suggest,
)


@pytest.fixture(autouse=True)
def _allow_this_module(monkeypatch):
    monkeypatch.setattr(schema, "ALLOWED_PREFIXES", ("gan_zoo.", f"{__name__}."))


@settings
class Inner:
    rate: Annotated[float, Range(gt=0, lt=1)] = 0.5


@settings
class Outer:
    count: PositiveInt
    kind: Literal["a", "b"] = "a"
    level: Literal[1, 3] = 1
    switch: Literal["auto", True, False] = "auto"
    sizes: tuple[PositiveInt, ...] = (1,)
    pair: tuple[float, float] = (0.0, 1.0)
    flag: bool = False
    name: str | None = None
    place: LocalPath | None = None
    places: tuple[LocalPath, ...] = ()
    inner: Inner = Inner()

    def check(self):
        if self.kind == "b" and self.count > 5:
            raise ConfigError("count", self.count, "must be at most 5 for kind b")


def node(**changes):
    return {"_target_": f"{__name__}.Outer", "count": 3, **changes}


def test_values_have_the_types_of_their_hints():
    outer = instantiate(
        node(sizes=[2, 3], pair=[0, 1], inner={"_target_": f"{__name__}.Inner"}), "o"
    )
    assert outer == Outer(count=3, sizes=(2, 3), pair=(0.0, 1.0), inner=Inner())
    assert isinstance(outer.pair[0], float)
    assert schema.coerce("anything", Any, "o.free") == "anything"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"count": 0}, "o.count=0: must be at least 1"),
        ({"count": 2.5}, "o.count=2.5: must be an integer"),
        ({"count": 1e4}, "o.count=10000.0: must be an integer; type 10000"),
        ({"sizes": "3,4"}, "o.sizes=3,4: must be a list such as [3,4]"),
        ({"place": ""}, "o.place=: must be the path of a file or folder"),
        ({"place": 3}, "o.place=3: must be the path of a file or folder"),
        ({"places": [None]}, "o.places[0]=None: must be the path of a file or folder"),
        ({"count": True}, "o.count=True: must be an integer"),
        ({"count": None}, "o.count=None: must be an integer"),
        ({"kind": "c"}, "o.kind=c: must be one of a, b"),
        ({"level": 3.0}, "o.level=3.0: must be one of 1, 3"),
        ({"level": True}, "o.level=True: must be one of 1, 3"),
        ({"switch": "maybe"}, "o.switch=maybe: must be one of auto, true, false"),
        ({"sizes": [1, 0]}, "o.sizes[1]=0: must be at least 1"),
        ({"sizes": 3}, "o.sizes=3: must be a list such as [3]"),
        ({"pair": 0.5}, "o.pair=0.5: must be a list of 2 entries in brackets"),
        ({"pair": [1]}, "o.pair=[1]: must have 2 entries"),
        ({"pair": [1, math.inf]}, "o.pair[1]=inf: must be a finite number"),
        ({"pair": [1, 10**400]}, f"o.pair[1]={10**400}: must be a finite number"),
        ({"pair": [math.nan, 1]}, "o.pair[0]=nan: must be a finite number"),
        ({"flag": "yes"}, "o.flag=yes: must be true or false"),
        ({"name": 3}, "o.name=3: must be a string"),
        ({"cuont": 3}, "o.cuont=3: unknown key; did you mean count?"),
        ({"inner": {"_target_": f"{__name__}.Inner", "rate": 1.0}}, "o.inner.rate=1.0: must be gr"),
        ({"inner": {"_target_": f"{__name__}.Inner", "rat": 1.0}}, "o.inner.rat=1.0: unknown key"),
        ({"inner": 3}, "o.inner=3: must hold settings"),
        ({"kind": "b", "count": 6}, "o.count=6: must be at most 5 for kind b"),
        ({"_target_": "gan_zoo.nowhere.X"}, "o._target_=gan_zoo.nowhere.X: names no class"),
        ({"_target_": None}, "o._target_=None: must begin with gan_zoo."),
        ({"name": "two\nlines", "count": 0}, "o.count=0"),
    ],
)
def test_wrong_value_is_one_line(changes, line):
    with pytest.raises(ConfigError) as caught:
        instantiate(node(**changes), "o")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_missing_and_reserved_keys_are_named():
    with pytest.raises(ConfigError, match="^o.count: must be given$"):
        instantiate({"_target_": f"{__name__}.Outer"}, "o")
    with pytest.raises(ConfigError, match="o.count=3: unknown key"):
        instantiate(node(), "o", object, count=4)


def test_signature_checks_network_settings():
    target = "gan_zoo.architectures.mlp.generator"
    with pytest.raises(ConfigError, match=r"g.hidden\[0\]=-3: must be at least 1"):
        instantiate({"_target_": target, "hidden": [-3]}, "g", shape=(2,), num_classes=1)
    with pytest.raises(ConfigError, match="g.prior=cauchy: must be one of uniform, normal"):
        instantiate({"_target_": target, "prior": "cauchy"}, "g", shape=(2,), num_classes=1)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("os.system", "must begin with gan_zoo."),
        ("builtins.eval", "must begin with gan_zoo."),
        ("gan_zoo_of_another.Loss", "must begin with gan_zoo."),
        ("gan_zoo.launch.shutil.rmtree", "names no class"),
        ("gan_zoo.launch.main.Path", "makes no object"),
        ("gan_zoo.launch.stacks.compose", "makes no object"),
        ("gan_zoo.checkpoints.delete_after", "makes no object"),
        ("gan_zoo.schema", "makes no object"),
        ("gan_zoo.schema.ALLOWED_PREFIXES", "makes no object"),
        ("gan_zoo.training.trainer.Trainer", "makes no object"),
        ("gan_zoo.architectures.mlp.critic", "makes no object"),
        ("gan_zoo.losses.Loss", "makes no object"),
        ("gan_zoo.data.mixtures.Mixture", "is abstract"),
        (["gan_zoo.losses.GAN"], "must begin with gan_zoo."),
    ],
)
def test_only_settings_of_gan_zoo_are_targets(target, message):
    with pytest.raises(ConfigError) as caught:
        instantiate({"_target_": target, **({"sigma": 1.0} if "Mixture" in target else {})}, "o")
    assert str(caught.value).startswith(f"o._target_={target}: {message}")


def test_foreign_target_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "hostile.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="nothing else is imported or called"):
        instantiate({"_target_": "hostile.Loss"}, "loss")


def test_target_must_have_the_required_type():
    from gan_zoo.architectures.networks import Generator
    from gan_zoo.losses import Loss

    with pytest.raises(ConfigError, match="o._target_=.*Outer: makes no loss"):
        instantiate(node(), "o", Loss)
    critic = {"_target_": "gan_zoo.architectures.mlp.critic"}
    with pytest.raises(ConfigError, match="g._target_=.*critic: makes no generator"):
        instantiate(critic, "g", Generator, shape=(2,), num_classes=1)
    with pytest.raises(ConfigError, match="o=3: must hold settings"):
        instantiate(3, "o")


def test_home_folder_is_expanded_in_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    outer = instantiate(node(place="~/a (1)", places=["~/b", "c~", "~no such user/d"]), "o")
    assert outer.place == str(tmp_path / "a (1)")
    assert outer.places == (str(tmp_path / "b"), "c~", "~no such user/d")


def test_path_objects_are_paths(tmp_path):
    outer = instantiate(node(place=tmp_path / "a", places=[tmp_path / "b"]), "o")
    assert (outer.place, outer.places) == (str(tmp_path / "a"), (str(tmp_path / "b"),))


@pytest.mark.parametrize(
    ("key", "valid", "message"),
    [
        ("nothing", ["hinge", "gan"], "choose one of gan, hinge"),
        ("WGAN", ["wgan", "gan"], "did you mean wgan?"),
        ("ls-gan", ["lsgan", "ls_gan"], "did you mean ls_gan?"),
        ("minst", ["emnist", "kmnist", "mnist"], "did you mean mnist?"),
        ("cifar", ["cifar10", "cifar100", "mnist"], "did you mean cifar10 or cifar100?"),
        ("loss.b", ["loss.a", "loss.c"], "choose one of loss.a, loss.c"),
        ("loss.slop", ["loss.slope"], "did you mean loss.slope?"),
        ("lr", ["ema", "seed"], "choose one of ema, seed"),
        ("", ["ema"], "choose one of ema"),
        ("x", [], "choose one of none"),
    ],
)
def test_only_similar_names_are_suggested(key, valid, message):
    assert suggest(key, valid) == message
