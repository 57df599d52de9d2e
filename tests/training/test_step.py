"""The two steps and the training loop: what they update, and that they never synchronize."""

import copy

import pytest
import torch
from torch.utils._pytree import tree_map_only

from gan_zoo import losses, regularizers
from gan_zoo.architectures import dcgan, mlp
from gan_zoo.architectures.networks import generate
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.loader import BatchLoader
from gan_zoo.losses import ScoredBatch
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.ranks import Ranks
from gan_zoo.training.ema import EMA
from gan_zoo.training.meters import MeanMetrics
from gan_zoo.training.noise import LatentSampler, NoiseSampler, UpdateNoise
from gan_zoo.training.numerics import precision_warning
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.schedule import CriticWarmup
from gan_zoo.training.step import (
    GANState,
    critic_and_generator,
    critic_step,
    generator_step,
    score_jointly,
    score_separately,
)
from gan_zoo.training.trainer import Trainer, load_optimizer_state

SHAPE = (1, 16, 16)


def make_gan(loss=None, regularizer=None, norm="none", device="cpu", optimizer=None):
    torch.manual_seed(0)
    generator = dcgan.generator(SHAPE, 1, z_dim=4, width=4).to(device)
    critic = dcgan.critic(SHAPE, 1, width=4, norm=norm).to(device)
    regularizer = regularizer or regularizers.Regularizer()
    regularizer.prepare(critic)
    optimizer = optimizer or Adam(lr=1e-3)
    return GANState(
        generator=generator,
        critic=critic,
        loss=loss or losses.GAN(),
        regularizer=regularizer,
        generator_optimizer=optimizer(generator.parameters()),
        critic_optimizer=optimizer(critic.parameters()),
    )


def batch(device="cpu", count=8):
    x = torch.rand(count, *SHAPE, device=device)
    y = torch.zeros(count, dtype=torch.int64, device=device)
    return x, y, UpdateNoise(torch.rand(count, 4, device=device))


def weights(network):
    return [p.detach().clone() for p in network.parameters()]


def changed(network, before):
    return [not torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True)]


ALL_LOSSES = [
    losses.GAN(),
    losses.GAN(form="minimax"),
    losses.LeastSquares(),
    losses.Wasserstein(),
    losses.Hinge(),
    losses.LossSensitive(),
    losses.GeneralizedLossSensitive(slope=-1),
    losses.GeneralizedLossSensitiveELU(),
    losses.PointwiseGeneralized(),
    losses.RelativisticPairing(),
    losses.RelativisticAverage(),
]
ALL_REGULARIZERS = [
    regularizers.Regularizer(),
    regularizers.WeightClip(),
    regularizers.WeightProjection(),
    regularizers.GradientPenalty(),
    regularizers.R1(),
    regularizers.R2(),
    regularizers.Dragan(),
    regularizers.SpectralNorm(),
    regularizers.Augmentation(flip=True, noise=0.1),
]


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=lambda loss: type(loss).__name__)
def test_each_step_updates_only_its_network(loss):
    gan = make_gan(loss)
    x, y, noise = batch()
    critic, generator = weights(gan.critic), weights(gan.generator)
    critic_step(gan, x, y, noise)
    assert all(changed(gan.critic, critic))
    assert not any(changed(gan.generator, generator))
    assert all(p.grad is None for p in gan.generator.parameters())
    critic = weights(gan.critic)
    gan.critic_optimizer.zero_grad()
    generator_step(gan, x, y, noise)
    assert all(changed(gan.generator, generator))
    assert not any(changed(gan.critic, critic))
    assert all(p.grad is None for p in gan.critic.parameters())


@pytest.mark.parametrize("regularizer", ALL_REGULARIZERS, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("loss", ALL_LOSSES, ids=lambda loss: type(loss).__name__)
def test_steps_never_read_values_back(loss, regularizer):
    """The meta device has no values: reading one, or branching on one, raises."""
    gan = make_gan(loss, regularizer)  # prepared with values, as spectral norm needs them
    generator, critic = (copy.deepcopy(p).to("meta") for p in (gan.generator, gan.critic))
    optimizer = torch.optim.SGD
    optimizers = (optimizer(network.parameters(), lr=0.1) for network in (generator, critic))
    meta = GANState(generator, critic, loss, regularizer, *optimizers)
    sampler, metrics = NoiseSampler(gan, SHAPE, 8, 0, Ranks()), MeanMetrics()
    noise = tree_map_only(torch.Tensor, as_meta, (sampler.of_critic(), sampler.of_generator()))
    metrics.add(critic_and_generator(meta, *batch("meta")[:2], *noise), 1)


def as_meta(x):
    return x.to("meta")


def test_reading_a_value_back_raises_on_meta():
    class Reading(losses.Wasserstein):
        def critic(self, real, fake):
            return super().critic(real, fake) * (1 if real.score.mean() > 0 else 2)

    gan = make_gan(Reading(), device="meta")
    with pytest.raises(RuntimeError):
        critic_step(gan, *batch("meta"))


def test_joint_scoring_equals_separate_scoring():
    for norm in ("none", "layer", "group"):
        gan = make_gan(norm=norm)
        assert gan.score_both is score_jointly
        critic = gan.critic.double()
        x, y, _ = batch()
        x_fake = torch.rand_like(x).double()
        for one, two in zip(
            score_jointly(critic, x.double(), x_fake, y),
            score_separately(critic, x.double(), x_fake, y),
            strict=True,
        ):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_batch_norm_critics_score_separately():
    gan = make_gan(norm="batch")
    assert gan.score_both is score_separately
    x, y, _ = batch()
    real, _ = score_separately(gan.critic, x, 5 * x, y)
    mixed, _ = score_jointly(gan.critic, x, 5 * x, y)
    assert not torch.allclose(real, mixed)


def test_weights_are_clipped_after_every_critic_update():
    gan = make_gan(
        losses.Wasserstein(), regularizers.WeightClip(bound=0.01), optimizer=RMSprop(lr=0.1)
    )
    for _ in range(3):
        critic_step(gan, *batch())
        assert max(p.abs().max().item() for p in gan.critic.parameters()) <= 0.01


def test_generator_steps_keep_the_critic_in_training_mode():
    gan = make_gan(norm="batch")
    counts = [m for m in gan.critic.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    before = [int(m.num_batches_tracked) for m in counts]
    generator_step(gan, *batch())
    assert [int(m.num_batches_tracked) - b for m, b in zip(counts, before, strict=True)] == [1]


def test_penalties_together_are_augmented_as_apart():
    noise = {"noise": regularizers.Augmentation(shift=0.2, noise=0.1)}
    parts = {"r1": regularizers.R1(), "r2": regularizers.R2(weight=3)}
    gans = [make_gan(regularizer=regularizers.Combined(parts=noise | parts))]
    gans += [
        make_gan(regularizer=regularizers.Combined(parts=noise | {name: part}))
        for name, part in parts.items()
    ]
    x, y, _ = batch()
    sampler = NoiseSampler(gans[0], tuple(x.shape[1:]), len(x), 2, Ranks())
    update = sampler.of_critic()
    together, *apart = (critic_step(gan, x, y, update)["penalty/critic"] for gan in gans)
    torch.testing.assert_close(together, sum(apart))


def test_a_critic_update_equals_a_handwritten_one():
    loss, regularizer = losses.LossSensitive(), regularizers.R1(weight=2)
    gan, reference = make_gan(loss, regularizer), make_gan(loss, regularizer)
    x, y, noise = batch()
    values = critic_step(gan, x, y, noise)
    fake = reference.generator(noise.z, y).detach()
    real_x = x.clone().requires_grad_()
    score = reference.critic(real_x, y)
    (gradient,) = torch.autograd.grad(score.sum(), real_x, create_graph=True)
    penalty = gradient.square().sum((1, 2, 3)).mean()
    value = loss.critic(
        ScoredBatch(x, reference.critic(x, y)), ScoredBatch(fake, reference.critic(fake, y))
    )
    reference.critic_optimizer.zero_grad()
    (value + penalty).backward()
    reference.critic_optimizer.step()
    torch.testing.assert_close(values["loss/critic"], value.detach())
    torch.testing.assert_close(values["penalty/critic"], penalty.detach())
    for ours, theirs in zip(gan.critic.parameters(), reference.critic.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


class CountingLoader(BatchLoader):
    calls = 0

    def next(self):
        self.calls += 1
        return super().next()


def make_trainer(n_critic=1, warmup=None, loss=None):
    samples = InMemoryDataset(torch.rand(40, 2), torch.zeros(40, dtype=torch.int64))
    torch.manual_seed(0)
    generator = mlp.generator((2,), 1, hidden=(8,), output="linear", z_dim=3)
    critic = mlp.critic((2,), 1, hidden=(8,))
    gan = GANState(
        generator=generator,
        critic=critic,
        loss=loss or losses.Wasserstein(),
        regularizer=regularizers.Regularizer(),
        generator_optimizer=Adam(lr=1e-3)(generator.parameters()),
        critic_optimizer=Adam(lr=1e-3)(critic.parameters()),
        ema_decay=0.9,
    )
    return Trainer(
        gan=gan,
        loader=CountingLoader(samples, 8, seed=1),
        noise=NoiseSampler(gan, (2,), 8, 2, Ranks()),
        n_critic=n_critic,
        warmup=warmup or CriticWarmup(),
    )


def test_n_critic_updates_use_fresh_batches():
    trainer = make_trainer(n_critic=5)
    trainer.fit(3, [])
    assert (trainer.step, trainer.loader.calls, trainer.loader.position) == (3, 15, 15 * 8)


def test_warmup_counts_as_the_official_wgan_code():
    warmup = CriticWarmup(n_critic=100, steps=25, every=500)
    counts = [warmup.critic_updates(step, 5) for step in range(1001)]
    assert [i for i, n in enumerate(counts) if n == 100] == [*range(25), 500, 1000]
    assert {n for n in counts if n != 100} == {5}
    trainer = make_trainer(n_critic=1, warmup=CriticWarmup(n_critic=4, steps=2))
    trainer.fit(3, [])
    assert trainer.loader.calls == 4 + 4 + 1


def test_actions_run_at_multiples_and_at_the_end():
    trainer = make_trainer()
    seen = []
    trainer.fit(7, [(3, lambda: seen.append(trainer.step))])
    assert seen == [3, 6, 7]


def test_chunks_of_steps_end_at_every_action(monkeypatch):
    trainer, seen, advanced = make_trainer(), [], []
    gaps = []
    monkeypatch.setattr(
        "gan_zoo.training.trainer.steps_per_graph", lambda gan, n_critic, gap: gaps.append(gap) or 2
    )
    monkeypatch.setattr(
        "gan_zoo.training.trainer.make_runner",
        lambda *parts: StepRunner(*parts[:3]),
    )
    trainer.compiled, advance = True, trainer.train_steps
    trainer.train_steps = lambda count: (advanced.append(count), advance(count))
    trainer.fit(1, [])
    actions = [
        (0, lambda: None),
        *[(period, lambda: seen.append(trainer.step)) for period in (4, 6)],
    ]
    trainer.fit(15, actions)
    assert gaps == [0, 2]
    assert advanced == [1, 1, 2, 2, 2, 2, 2, 2, 1]
    assert seen == [4, 6, 8, 12, 12, 15, 15]


def test_every_update_uses_fresh_latents():
    trainer, used = make_trainer(n_critic=2), []
    trainer.gan.generator.register_forward_pre_hook(lambda _, args: used.append(args[0].clone()))
    trainer.fit(20, [])
    assert len({tuple(z.flatten().tolist()) for z in used}) == len(used) == 60


@pytest.mark.parametrize("taken", [0, 1, 15, 16, 17, 40])
def test_latent_sampler_resumes_from_any_batch(taken):
    generator = dcgan.generator(SHAPE, 1, z_dim=3, width=4)
    one, two = (LatentSampler(generator, 5, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    for _ in range(taken):
        one.next()
    two.next()
    two.load_state_dict(one.state_dict())
    for _ in range(20):
        assert torch.equal(one.next(), two.next())


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_channels_last_and_fused_adam_change_nothing(norm):
    """Gradients with other strides than their parameters would make fused updates wrong."""
    gans = [make_gan(norm=norm, regularizer=regularizers.R1() if norm == "none" else None)]
    gans += [copy.deepcopy(gans[0])]
    for gan, plain in zip(gans, (False, True), strict=True):
        last = torch.contiguous_format if plain else torch.channels_last
        for name in ("generator", "critic"):
            network = getattr(gan, name).double().to(memory_format=last)
            optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=not plain, foreach=False)
            setattr(gan, f"{name}_optimizer", optimizer)
        gan.__post_init__()
        generator = torch.Generator().manual_seed(1)
        for _ in range(5):
            x = torch.rand(8, *SHAPE, dtype=torch.float64, generator=generator)
            z = torch.rand(8, 4, dtype=torch.float64, generator=generator)
            y = torch.zeros(8, dtype=torch.int64)
            critic_step(gan, x, y, UpdateNoise(z))
            generator_step(gan, x, y, UpdateNoise(z))
    for name in ("generator", "critic"):
        ours, plain = (getattr(gan, name).state_dict() for gan in gans)
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-11)
    wide = [p for p in gans[0].critic.parameters() if p.dim() == 4 and min(p.shape[1:]) > 1]
    assert wide
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in wide)


def test_loaded_optimizer_state_has_the_weights_strides():
    weight = torch.nn.Parameter(torch.rand(3, 4, 2, 2).to(memory_format=torch.channels_last))
    weight.grad = torch.rand_like(weight)
    optimizer = Adam(lr=1e-3)([weight])
    optimizer.step()
    saved = optimizer.state_dict()
    moment = saved["state"][0]["exp_avg"].clone()
    saved["state"][0]["exp_avg"] = moment.contiguous()
    other = Adam(lr=1e-3)([weight])
    load_optimizer_state(other, saved)
    loaded = other.state[weight]["exp_avg"]
    assert torch.equal(loaded, moment)
    assert loaded.stride() == weight.stride()


def test_loss_metrics_are_of_the_last_step():
    trainer = make_trainer(loss=losses.LossSensitive())
    trainer.fit(2, [])
    real, fake = trainer.gan.scored
    expected = trainer.gan.loss.metrics(real, fake)
    read = trainer.compute_metrics()
    assert not real.score.requires_grad
    assert {name: read[name] for name in expected} == expected


def test_ema_follows_its_definition_and_copies_buffers():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    ema = EMA(network, 0.5)
    start = network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight.add_(1.0)
        network[1].running_mean.add_(3.0)
    ema.update()  # first decay: min(0.5, 1/10)
    torch.testing.assert_close(ema.network[0].weight, start + 0.9)
    assert ema.network[1].running_mean.tolist() == [3.0, 3.0]
    exact = EMA(network, 0.0)
    with torch.no_grad():
        network[0].weight.mul_(2)
    exact.update()
    assert torch.equal(exact.network[0].weight, network[0].weight)


def test_mean_metrics_of_groups_with_different_counts():
    metrics = MeanMetrics()
    values = torch.tensor([1.0, -1.0])
    for value, count in ((1.0, 1), (8.0, 2)):
        values.copy_(torch.tensor([value, -value]))  # memory that is reused
        metrics.add({("a", "b"): values}, count)
    metrics.add({("c",): torch.tensor([4.0])}, 1)
    assert metrics.compute() == {"a": 3.0, "b": -3.0, "c": 4.0}
    assert metrics.compute() == {}


def test_fused_adam_equals_plain_adam():
    start, gradient = torch.randn(3, 4), torch.randn(3, 4)
    ours, plain = (torch.nn.Parameter(start.clone()) for _ in range(2))
    fused = Adam(lr=0.01, betas=(0.5, 0.9), weight_decay=0.1)([ours])
    reference = torch.optim.Adam(
        [plain], lr=0.01, betas=(0.5, 0.9), weight_decay=0.1, foreach=False
    )
    for _ in range(5):
        for parameter, optimizer in ((ours, fused), (plain, reference)):
            parameter.grad = gradient * parameter.detach()
            optimizer.step()
    torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize(
    ("settings", "torchs", "given"),
    [
        (Adam, torch.optim.Adam, {"betas": (0.5, 0.999), "fused": True}),
        (RMSprop, torch.optim.RMSprop, {"foreach": True}),
    ],
)
def test_optimizers_equal_torch_bit_for_bit(settings, torchs, given):
    start, gradient = torch.randn(3, 4), torch.randn(3, 4)
    ours, plain = (torch.nn.Parameter(start.clone()) for _ in range(2))
    pairs = [(ours, settings(lr=0.01)([ours])), (plain, torchs([plain], lr=0.01, **given))]
    for _ in range(5):
        for parameter, optimizer in pairs:
            optimizer.zero_grad()
            parameter.grad = gradient * parameter.detach()
            optimizer.step()
    assert torch.equal(ours, plain)
    states = [optimizer.state_dict() for _, optimizer in pairs]
    assert states[0]["param_groups"] == states[1]["param_groups"]
    for (_, optimizer), state in zip(pairs, reversed(states), strict=True):
        optimizer.load_state_dict(state)


def test_fakes_have_the_labels_of_the_real_batch():
    generator = dcgan.generator(SHAPE, 5, z_dim=4, width=4)
    critic = dcgan.critic(SHAPE, 5, width=4, norm="none")
    labels = {"generator": [], "critic": []}
    generator.register_forward_pre_hook(lambda _, args: labels["generator"].append(args[1]))
    critic.register_forward_pre_hook(lambda _, args: labels["critic"].append(args[1]))
    optimizers = (Adam(lr=1e-3)(network.parameters()) for network in (generator, critic))
    gan = GANState(generator, critic, losses.LossSensitive(), regularizers.R1(), *optimizers)
    x, _, noise = batch()
    y = torch.arange(8) % 5
    critic_step(gan, x, y, noise)
    generator_step(gan, x, y, noise)
    assert all(torch.equal(given, y) for given in labels["generator"])
    assert all(torch.equal(given[:8], y) for given in labels["critic"])
    assert torch.equal(labels["critic"][0], torch.cat([y, y]))  # reals and fakes, scored jointly
    assert (len(labels["generator"]), len(labels["critic"])) == (2, 3)


def test_generate_uses_and_leaves_evaluation_mode():
    generator = dcgan.generator(SHAPE, 1, z_dim=4, width=4)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(4.0)
    z, y = torch.rand(8, 4), torch.zeros(8, dtype=torch.int64)
    samples = generate(generator, z, y)
    assert generator.training
    torch.testing.assert_close(
        samples[:3], generate(generator, z[:3], y[:3])
    )  # no batch statistics
    assert not torch.allclose(samples, generator(z, y), atol=1e-3)


@pytest.mark.parametrize(
    ("precision", "device", "vectors", "warned"),
    [
        ("bf16", "cpu", "AVX2", True),
        ("bf16", "cpu", "AVX512", False),
        ("bf16", "cuda", "AVX2", False),
        ("fp32", "cpu", "AVX2", False),
    ],
)
def test_bf16_without_hardware_support_logs_a_warning(
    monkeypatch, precision, device, vectors, warned
):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: vectors)
    assert bool(precision_warning(precision, torch.device(device))) is warned
