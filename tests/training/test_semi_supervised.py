"""Semi-supervised training: which labels are kept, batches, pseudo-labels and loss terms."""

import dataclasses
import math

import pytest
import torch

from gan_zoo.architectures import mlp
from gan_zoo.architectures.labels import decode_label, encode_pseudo
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.experiment import load_experiment
from gan_zoo.losses import ConditionalLossSensitive, ScoredBatch
from gan_zoo.metrics.classes import classification_error
from gan_zoo.schema import ConfigError


def samples(count=400, classes=4):
    """Images that encode their indices; labels are these modulo the number of classes."""
    numbers = torch.arange(count)
    x = torch.stack([numbers // 256, numbers % 256], -1).to(torch.uint8).view(count, 1, 1, 2)
    return InMemoryDataset(x, numbers % classes, classes)


def few(per_class=5, seed=0, **shape):
    return samples(**shape).drop_labels(per_class, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("per_class", "left"), [(5, 5), (0.1, 10), (1, 1), (0.999, 100)])
def test_labels_per_class_keeps_true_labels(per_class, left):
    whole, partly = samples(), few(per_class)
    shown = partly.y >= 0
    assert torch.equal(partly.y[shown], whole.y[shown])
    assert partly.y[shown].bincount().tolist() == [left] * 4
    assert partly.has_unlabeled is (left < 100)


def test_the_seed_selects_the_kept_labels():
    assert torch.equal(few(seed=1).y, few(seed=1).y)
    assert not torch.equal(few(seed=1).y >= 0, few(seed=2).y >= 0)


def test_generated_classes_are_independent_of_dropped_labels():
    whole, partly = samples(4000), few(count=4000)
    unknown = partly.y < 0
    generated = decode_label(partly.y[unknown])
    assert generated.bincount(minlength=4).float().std() < 10
    table = torch.zeros(4, 4).index_put_(
        (whole.y[unknown], generated), torch.ones(len(generated)), accumulate=True
    )
    chi_squared = ((table - table.mean()) ** 2 / table.mean()).sum()
    assert chi_squared < 30  # 9 degrees of freedom: 0.0004 of random tables exceed it


@pytest.mark.parametrize(
    ("per_class", "remedy"), [(101, "type at most 100"), (0.001, "type a larger share")]
)
def test_too_many_or_no_labels_is_one_line(per_class, remedy):
    message = rf"labels_per_class.*class 0 has 100 samples; {remedy}$"
    with pytest.raises(ConfigError, match=message):
        few(per_class)


def test_number_of_labels_is_refused_once():
    uneven = dataclasses.replace(samples(), y=torch.arange(400).clamp(max=120) % 4)
    with pytest.raises(ConfigError, match="class 1 has 30 samples; type at most 30"):
        uneven.drop_labels(31, torch.Generator())
    uneven.drop_labels(30, torch.Generator())


def test_few_labels_of_a_named_class():
    named = dataclasses.replace(samples(), class_names=("a", "b\n", "c", "d"))
    with pytest.raises(ConfigError, match=r"class a has 100 samples"):
        named.drop_labels(101, torch.Generator())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["batch_size=1"], r"batch_size=1: must be at least 2 with dataset\.labels_per_class"),
        (["dataset.class_balanced=true"], r"class_balanced=True: has no effect with dataset\.lab"),
    ],
)
def test_settings_that_few_labels_exclude(words, message, composed):
    few = ["loss=cls_gan", "dataset.labels_per_class=5", *words]
    with pytest.raises(ConfigError, match=message):
        load_experiment(composed("dataset=glyphs", *few))


def test_one_label_is_not_typed_like_a_share(composed):
    words = ["dataset=glyphs", "loss=cls_gan"]
    load_experiment(composed(*words, "dataset.labels_per_class=1"))
    message = r"labels_per_class=1\.0: type 1 for one label of each class, null for all labels"
    with pytest.raises(ConfigError, match=message):
        load_experiment(composed(*words, "dataset.labels_per_class=1.0"))


def test_half_of_every_batch_is_labeled():
    partly = few(per_class=5)  # 20 labeled, 380 not
    loader = partly.loader(8, seed=0)
    batches = [loader.next() for _ in range(95)]
    for _, y in batches:
        assert [(label >= 0) for label in y.tolist()] == [True] * 4 + [False] * 4
    numbers = [
        (((x + 1) * 127.5).round() @ torch.tensor([256.0, 1.0])).flatten().long().tolist()
        for x, _ in batches
    ]
    assert {n for part in numbers for n in part[4:]} == set((partly.y < 0).nonzero()[:, 0].tolist())
    labeled = [n for part in numbers for n in part[:4]]
    assert all(labeled.count(n) == 19 for n in (partly.y >= 0).nonzero()[:, 0].tolist())


def test_a_semi_supervised_loader_resumes_from_a_position():
    whole, resumed = few().loader(8, seed=3), few().loader(8, seed=3)
    batches = [whole.next() for _ in range(200)]
    resumed.position = 8 * 150
    for x, y in batches[150:]:
        ours = resumed.next()
        assert torch.equal(x, ours[0])
        assert torch.equal(y, ours[1])


def test_pseudo_labels_act_as_labels():
    torch.manual_seed(0)
    critic = mlp.critic((1, 2, 2), 3, output="log_softmax")
    generator = mlp.generator((1, 2, 2), 3)
    x, y = torch.randn(6, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    z = generator.sample_z(6, torch.Generator())
    scores = critic.scores(x)
    assert torch.equal(critic(x, y), scores[torch.arange(6), y])
    assert torch.equal(critic(x, encode_pseudo(y)), critic(x, y))
    assert torch.equal(generator(z, encode_pseudo(y)), generator(z, y))
    assert not torch.equal(generator(z, encode_pseudo(y)), generator(z, encode_pseudo(y).roll(1)))


def test_the_ema_critic_predicts_pseudo_labels(composed):
    few = ["loss=cls_gan", "dataset.labels_per_class=5", "dataset.count=400", "dataset.size=16"]
    experiment = load_experiment(
        composed(*few, "regularizer=augmentation", "device=cpu", "batch_size=32")
    )
    trainer = build_trainer(experiment, load_samples(experiment))
    x, y = trainer.loader.next()
    network = trainer.gan.ema_critic.network
    expected = network.eval().scores(x).argmax(1)
    labels = trainer.gan.pseudo_labels(x, y)
    assert torch.equal(labels[:16], y[:16])
    assert torch.equal(labels[16:], encode_pseudo(expected[16:]))
    assert not torch.equal(labels[16:], y[16:])
    trainer.gan.use_pseudo_labels = False
    assert trainer.gan.pseudo_labels(x, y) is y


def test_unlabeled_terms_are_those_of_the_labeled_with_a_weight():
    """By hand: S + u S_ul, each the mean of p (m + D(G) - D(x))_+ - w D(x) over its samples."""
    x, fakes = torch.zeros(5, 1), torch.ones(5, 1)  # margins all 0.5
    y = torch.tensor([1, 0, -1, -2, -1])
    real, fake = (
        torch.tensor([-1.0, -2.0, -0.1, -0.3, -0.2]),
        torch.tensor([-2.0, -0.5, -0.5, -1.0, -0.6]),
    )
    loss = ConditionalLossSensitive(
        margin_scale=0.5, real_weight=0.7, pair_weight=2.0, unlabelled_weight=0.3
    )
    labeled = [0 + 0.7 * 1, 2 * 2.0 + 0.7 * 2]
    unlabeled = [2 * 0.1 + 0.7 * 0.1, 0 + 0.7 * 0.3, 2 * 0.1 + 0.7 * 0.2]
    expected = sum(labeled) / 2 + 0.3 * sum(unlabeled) / 3
    assert loss.critic(
        ScoredBatch(x, real, y), ScoredBatch(fakes, fake, y)
    ).item() == pytest.approx(expected)
    expected = (2.0 + 0.5) / 2 + 0.3 * (0.5 + 1.0 + 0.6) / 3
    assert loss.generator(ScoredBatch(fakes, fake, y)).item() == pytest.approx(expected)


def test_pseudo_labels_are_weighted_by_confidence():
    """The gradient of (1 - p^q) / q, the generalized cross entropy, where there are no pairs."""
    logits, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([-1, -2, -3, -1, -2])
    logits.requires_grad_()
    score = logits.log_softmax(-1)[torch.arange(5), -1 - y]
    real = ScoredBatch(torch.zeros(5, 1), score, y)
    fake = ScoredBatch(torch.zeros(5, 1), score.detach(), y)
    loss = ConditionalLossSensitive(pair_weight=0, unlabelled_weight=2.0, confidence_power=0.7)
    (ours,) = torch.autograd.grad(loss.critic(real, fake), logits, retain_graph=True)
    generalized = 2 * ((1 - score.exp() ** 0.7) / 0.7).mean()
    torch.testing.assert_close(ours, torch.autograd.grad(generalized, logits)[0])


def test_true_labels_ignore_confidence_power():
    score, y = torch.tensor([-1.0, -2.0]), torch.tensor([0, 1])
    pair = ScoredBatch(torch.zeros(2, 1), score, y), ScoredBatch(torch.ones(2, 1), score - 1, y)
    losses = [ConditionalLossSensitive(confidence_power=q).critic(*pair).item() for q in (0.0, 3.0)]
    assert losses[0] == losses[1]


def test_zero_weights_make_the_critic_a_classifier():
    loss = ConditionalLossSensitive(pair_weight=0, unlabelled_weight=0)
    logits, y = torch.randn(6, 3), torch.tensor([0, 1, 2, -1, -2, -3])
    log_p = logits.log_softmax(-1)
    score = torch.cat([log_p[torch.arange(3), y[:3]], log_p[3:].amax(-1)])
    pair = ScoredBatch(torch.zeros(6, 1), score, y), ScoredBatch(torch.ones(6, 1), score.flip(0), y)
    cross_entropy = torch.nn.functional.cross_entropy(logits[:3], y[:3])
    assert loss.critic(*pair).item() == pytest.approx(cross_entropy.item())


def test_classification_error_uses_evaluation_mode():
    torch.manual_seed(0)
    critic = mlp.critic((1, 1, 2), 4, norm="batch", output="log_softmax")
    data = samples(1200)
    x, y = data.gather(torch.arange(1200))
    critic(x, y)  # moves the running statistics away from where they start
    critic.eval()
    right = (critic.scores(x).argmax(1) == y).sum().item()
    critic.train()
    assert classification_error(critic, data, torch.device("cpu")) == 1 - right / 1200
    assert critic.training
    assert not math.isclose(right, 1200)


def test_margins_too_large_for_unlabeled_samples_are_refused():
    x = torch.stack([torch.full((3,), v) for v in (0.0, 1.0)]).repeat_interleave(2, 0)
    ConditionalLossSensitive(margin_scale=1.09).check_unlabeled(x, 3)  # log 3 = 1.0986
    with pytest.raises(ConfigError, match=r"loss.margin_scale=1.2: must be at most 1.1 "):
        ConditionalLossSensitive(margin_scale=1.2).check_unlabeled(x, 3)
    ConditionalLossSensitive(margin_scale=1.2, pair_weight=0).check_unlabeled(x, 3)
    for odd in (x[:3], x[:1]):
        ConditionalLossSensitive().check_unlabeled(odd, 3)
