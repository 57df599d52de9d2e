"""Everything that a configuration can name trains in a stack as it trains alone, or is refused."""

from pathlib import Path

import pytest
import torch

from gan_zoo.architectures.networks import generate
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.experiment import load_experiment
from gan_zoo.training.stack import sampler
from gan_zoo.training.stack.networks import StackedNetwork
from gan_zoo.training.stack.trainer import StackedTrainer
from rank_cases import DoubleLoader, assert_equal, result

CONFIGS = Path(__file__).parents[2] / "configs"
ARCHITECTURES, LOSSES, REGULARIZERS = (
    sorted(path.stem for path in CONFIGS.glob(f"{group}/*.yaml"))
    for group in ("architecture", "loss", "regularizer")
)
POINTS = "dataset=ring dataset.count=40"
IMAGES = "dataset=glyphs dataset.size=16 dataset.count=40"
LABELED = f"{IMAGES} conditional=true"
SMALL = {"width": 8, "z_dim": 8, "label_dim": 4}
AUGMENTED = (
    "regularizer=combined +regularizer@regularizer.parts.a=augmentation"
    " regularizer.parts.a.flip=true regularizer.parts.a.noise=0.1 regularizer.parts.a.rotation=20"
    " +regularizer@regularizer.parts.b="
)
CONVOLUTIONS = "architecture=dcgan architecture.critic.norm=layer"
GROUP_NORM = "architecture.generator.norm=group"
slow = pytest.mark.slow

CASES = {
    "embedding": f"{LABELED} architecture=mlp architecture.critic.labels=embedding",
    "one-hot": f"{LABELED} architecture=mlp architecture.critic.labels=one_hot"
    " architecture.generator.labels=one_hot",
    "heads": f"{LABELED} architecture=mlp architecture.critic.labels=heads",
    "embedding, spectral norm": f"{LABELED} architecture=dcgan architecture.critic.labels=embedding"
    " regularizer=spectral_norm",
    "balanced CLS-GAN": f"{IMAGES} architecture=mlp loss=cls_gan dataset.class_balanced=true",
    "critic updates": f"{POINTS} n_critic=3",
    "warm-up": f"{POINTS} warmup.n_critic=4 warmup.steps=2 warmup.every=3",
    "no average": f"{POINTS} ema=0",
    "short average": f"{POINTS} ema=0.9",
    "Adam with decay": f"{POINTS} optimizer=adam optimizer.weight_decay=0.1",
    "RMSprop with decay": f"{POINTS} optimizer=rmsprop optimizer.weight_decay=0.1",
    "relativistic": f"{LABELED} architecture=mlp loss=relativistic",
    "relativistic average": f"{LABELED} architecture=mlp loss=relativistic_average",
    "augmented penalty": f"{IMAGES} {CONVOLUTIONS} {AUGMENTED}gradient_penalty",
}
SLOW_CASES = {
    "CLS-GAN with convolutions": f"{IMAGES} architecture=cls_dcgan loss=cls_gan"
    " architecture.critic.norm=group",
    **{
        f"{name}, {labels}": f"{LABELED} architecture={name} architecture.critic.labels={labels}"
        for name in ("dcgan", "characters")
        for labels in ("embedding", "one_hot", "heads")
    },
    **{
        f"{loss}, augmented": f"{LABELED} {CONVOLUTIONS} loss={loss} regularizer=augmentation"
        for loss in ("relativistic", "relativistic_average")
    },
    **{
        f"{name}, {regularizer}": f"{IMAGES} {words}{regularizer}"
        for name, words in (
            ("sn_cnn", "architecture=sn_cnn regularizer="),
            ("resnet", "architecture=resnet regularizer="),
            ("dcgan", f"{CONVOLUTIONS} regularizer="),
            ("augmented dcgan", f"{CONVOLUTIONS} {AUGMENTED}"),
        )
        for regularizer in ("r1", "r2", "r1_r2", "gradient_penalty", "dragan")
    },
}
RATES = ("optimizer.lr=1e-3", "optimizer.lr=1e-2", "optimizer.generator.lr=3e-3")
VARIED = {  # settings of all runs, and those that differ
    "rates of Adam": (f"{POINTS} optimizer.weight_decay=0.1", RATES),
    "rates of RMSprop": (f"{POINTS} optimizer=rmsprop optimizer.weight_decay=0.1", RATES),
    "CLS-GAN": (
        f"{IMAGES} architecture=mlp loss=cls_gan",
        [f"loss.{k}={v}" for k, v in (("pair_weight", 0), ("real_weight", 2), ("margin_scale", 1))],
    ),
    "ELU": (f"{POINTS} loss=glsgan_elu", [f"loss.alpha={x}" for x in (0, 0.5, 1)]),
    "augmentation": (
        f"{IMAGES} {CONVOLUTIONS} regularizer=augmentation",
        [f"regularizer.{k}=0.5" for k in ("shift", "rotation", "scale")],
    ),
}


def small_experiment(composed, words, eps=1e-3):
    """Small networks. eps of the optimizers: a default one would scale gradients of rounding up."""
    config = composed("batch_size=4", f"optimizer.eps={eps}", "device=cpu", *words)
    for network in config["architecture"].values():
        network.update({key: value for key, value in SMALL.items() if key in network})
        if "hidden" in network:
            hidden = network["hidden"]
            network["hidden"] = [8] * len(hidden[:2]) if isinstance(hidden, list) else 8
    return load_experiment(config)


def build_trainers(experiments, dtype=torch.float64):
    samples = load_samples(experiments[0])
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        trainers = [build_trainer(experiment, samples) for experiment in experiments]
    finally:
        torch.set_default_dtype(before)
    for trainer, experiment in zip(trainers, experiments, strict=True):
        trainer.compiled = False
        if dtype == torch.float64:
            balanced = experiment.dataset.class_balanced
            size, seed = trainer.loader.batch_size, experiment.settings.seed
            trainer.loader = DoubleLoader(samples, size, seed, balanced)
    return trainers


def train_both(experiments, steps=4, dtype=torch.float64):
    """Train runs alone and in a stack; return both lists of trainers."""
    alone, together = (build_trainers(experiments, dtype) for _ in range(2))
    stacked = StackedTrainer(together, experiments[0].optimizers, compiled=False)
    for _ in range(steps):
        stacked.train_steps()
    stacked.hand_out()
    for trainer in alone:
        for _ in range(steps):
            trainer.train_steps()
    return alone, together


def all_numbers(trainer):
    found = {**trainer.compute_metrics(), **result(trainer)}
    if trainer.gan.ema_critic is not None:
        average = trainer.gan.ema_critic.network.state_dict()
        found |= {f"average of the critic {key}": value for key, value in average.items()}
    return found


def assert_close(one, two, tolerance):
    assert one.keys() == two.keys()
    for name, value in one.items():
        error = (value - two[name]).abs().max() / value.abs().max().clamp(min=1e-3)
        assert error <= tolerance, name


def assert_equal_runs(experiments, steps=4):
    for one, two in zip(*train_both(experiments, steps), strict=True):
        assert_close(all_numbers(one), all_numbers(two), 1e-9)


def seeds(composed, text, count=3):
    return [small_experiment(composed, [*text.split(), f"seed={seed}"]) for seed in range(count)]


def of_architecture(name):
    points = name in ("mlp_points", "toy_maxout", "toy_tanh")
    return f"{POINTS if points else IMAGES} architecture={name}"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_stacks(composed, name):
    assert_equal_runs(seeds(composed, of_architecture(name)))


@slow
@pytest.mark.parametrize("name", ["characters", "cls_dcgan", "mlp", "resnet", "sn_cnn", "vgg"])
def test_labeled_spectral_norm_stacks(composed, name):
    words = f"{LABELED} architecture={name} regularizer=spectral_norm"
    assert_equal_runs(seeds(composed, words))


@pytest.mark.parametrize("name", [*CASES, *(pytest.param(name, marks=slow) for name in SLOW_CASES)])
def test_every_setting_stacks(composed, name):
    assert_equal_runs(seeds(composed, (CASES | SLOW_CASES)[name]))


@slow
@pytest.mark.parametrize(
    "words",
    [
        *map(of_architecture, ARCHITECTURES),
        *(f"{LABELED} architecture=mlp loss={name}" for name in LOSSES),
        *(f"{IMAGES} architecture=sn_cnn regularizer={name}" for name in REGULARIZERS),
    ],
)
def test_thirty_steps_of_six_runs(composed, words):
    assert_equal_runs(seeds(composed, words, count=6), steps=30)


@pytest.mark.parametrize("name", VARIED)
def test_numbers_may_differ(composed, name):
    shared, own = VARIED[name]
    each = [[*shared.split(), word, f"seed={seed}"] for seed, word in enumerate(own)]
    assert_equal_runs([small_experiment(composed, words) for words in each])


def test_sweep_of_slopes_equals_separate_runs(composed):
    words = [*POINTS.split(), "loss=glsgan", "batch_size=16"]
    runs = [(slope, seed) for slope in (-1, 0, 0.5) for seed in (0, 1)]
    experiments = [
        small_experiment(composed, [*words, f"loss.slope={slope}", f"seed={seed}"], eps=1e-8)
        for slope, seed in runs
    ]
    for one, two in zip(*train_both(experiments, steps=30), strict=True):
        assert_equal(result(one), result(two))


@pytest.mark.parametrize("name", ["mlp_points", "mlp", "dcgan"])
def test_single_precision_equals_at_first(composed, name):
    words = of_architecture(name).split()
    runs = [small_experiment(composed, [*words, f"seed={seed}"], eps=1e-8) for seed in range(3)]
    for one, two in zip(*train_both(runs, steps=3, dtype=torch.float32), strict=True):
        assert_close(all_numbers(one), all_numbers(two), 1e-4)


@pytest.mark.parametrize("words", [POINTS, f"{IMAGES} {CONVOLUTIONS} {GROUP_NORM}"])
def test_bf16_equals_up_to_its_rounding(composed, words):
    """To 2^-8, of one rounding; gradients add up many. A stack adds biases in fp32."""
    alone, together = train_both(seeds(composed, f"{words} precision=bf16"), 3, torch.float32)
    single, _ = train_both(seeds(composed, words), 3, torch.float32)
    for runs in zip(alone, together, single, strict=True):
        one, two, fp32 = map(all_numbers, runs)
        for name in one:
            if name.startswith(("loss/", "grad_norm/")):
                tolerance = 2**-8 if name.startswith("loss/") else 2**-4
                torch.testing.assert_close(two[name], one[name], rtol=tolerance, atol=0)
        assert (two["score/real"] - fp32["score/real"]).abs() > 1e-5  # was not fp32


def test_batch_norm_in_bf16_is_refused(composed):
    with pytest.raises(TypeError, match="cannot stack batch norm in bf16"):
        train_both(seeds(composed, f"{IMAGES} architecture=dcgan precision=bf16"), 1, torch.float32)


def trained_stack(experiments):
    """A stack after two steps, and latent vectors and labels as all its runs are asked for."""
    trainers = build_trainers(experiments)
    stacked = StackedTrainer(trainers, experiments[0].optimizers, compiled=False)
    stacked.train_steps(2)
    first = trainers[0].gan.ema.network
    z = first.sample_z(7, torch.Generator().manual_seed(0))
    return stacked, z, torch.arange(7) % first.num_classes


def samples_of(stacked, z, y):
    return [stacked.sampler(trainer.gan.ema.network, z, y) for trainer in stacked.trainers]


def samples_alone(stacked, z, y):
    return [generate(trainer.gan.ema.network, z, y) for trainer in stacked.trainers]


@pytest.mark.parametrize(
    "words",
    [
        *map(of_architecture, ARCHITECTURES),
        f"{LABELED} architecture=mlp architecture.generator.labels=embedding",
        f"{LABELED} architecture=mlp architecture.generator.labels=one_hot",
    ],
)
def test_evaluations_generate_in_one_pass(composed, words, monkeypatch):
    stacked, *asked = trained_stack(seeds(composed, words))
    alone = samples_alone(stacked, *asked)
    monkeypatch.setattr(sampler, "_CHUNK", 4)
    monkeypatch.setattr(sampler, "has_convolutions", lambda _: False)
    monkeypatch.setattr(sampler, "generate", None)
    torch.testing.assert_close(samples_of(stacked, *asked), alone, rtol=0, atol=1e-9)
    assert not torch.equal(alone[0], alone[1])


@pytest.mark.parametrize("words", [POINTS, f"{IMAGES} architecture=dcgan"])
def test_samples_of_other_steps_or_latent_vectors_are_not_used(composed, words):
    stacked, z, y = trained_stack(seeds(composed, words))
    first = stacked.trainers[0].gan.ema.network
    before = stacked.sampler(first, z, y)
    torch.testing.assert_close(samples_of(stacked, -z, y), samples_alone(stacked, -z, y))
    stacked.sampler(first, z, y)
    stacked.train_steps()
    after = samples_of(stacked, z, y)
    torch.testing.assert_close(after, samples_alone(stacked, z, y))
    assert not torch.equal(after[0], before)


def test_many_numbers_are_generated_for_each_run_alone(composed, monkeypatch):
    stacked, *asked = trained_stack(seeds(composed, POINTS))
    monkeypatch.setattr(sampler, "_MOST_NUMBERS", 3 * 7 * 2 - 1)
    monkeypatch.setattr(StackedNetwork, "of_shared", None)
    torch.testing.assert_close(samples_of(stacked, *asked), samples_alone(stacked, *asked))
