"""Two training loops around the same networks, written without the runner, for comparison.

Both use only the networks, data and settings of a trainer, and define their own steps.
"""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import softplus

from gan_zoo.architectures.layers import GlobalConv, LatentConvTranspose
from gan_zoo.data.loader import to_float


def _margin(x: Tensor, fake: Tensor) -> Tensor:
    return 2.4576 * (x - fake).abs().flatten(1).mean(-1)


def _gls(x: Tensor, fake: Tensor, real_score: Tensor, fake_score: Tensor) -> Tensor:
    return torch.relu(_margin(x, fake) + fake_score - real_score).mean()


CRITIC = {
    "GAN": lambda x, fake, r, f: softplus(-r).mean() + softplus(f).mean(),
    "Wasserstein": lambda x, fake, r, f: f.mean() - r.mean(),
    "GeneralizedLossSensitive": _gls,
}
GENERATOR = {
    "GAN": lambda f: softplus(-f).mean(),
    "Wasserstein": lambda f: -f.mean(),
    "GeneralizedLossSensitive": lambda f: -f.mean(),
}
BOUND = 0.01
DECAY = 0.999  # of the generator's moving average, which the runner also updates


class Pieces:
    """Networks, losses and settings of a trainer, without its steps."""

    def __init__(self, trainer: Any):
        gan = trainer.gan
        self.generator, self.critic = gan.generator.body, gan.critic.body
        self.loss = type(gan.loss).__name__
        self.clips = type(gan.regularizer).__name__ == "WeightClip"
        optimizer = gan.critic_optimizer
        kinds = (torch.optim.Adam, torch.optim.RMSprop)
        self.optimizer = next(kind for kind in kinds if isinstance(optimizer, kind))
        group = optimizer.param_groups[0]
        names = ("lr", "betas", "eps", "weight_decay", "alpha")
        self.settings = {name: group[name] for name in names if name in group}
        self.n_critic, self.batch = trainer.n_critic, trainer.loader.batch_size
        self.x = trainer.loader.samples.x
        self.z_dim = gan.generator.z_dim
        self.uniform = gan.generator.prior == "uniform"
        self.has_batch_norm = any("BatchNorm" in type(m).__name__ for m in self.critic.modules())

    def noise(self) -> Tensor:
        """Sample a batch of latent vectors."""
        z = torch.empty(self.batch, self.z_dim, device=self.x.device)
        return z.uniform_(-1, 1) if self.uniform else z.normal_()


def bare(trainer: Any) -> Callable[[], None]:
    """Return a step as written by hand for one experiment: data in memory, fused Adam."""
    p = Pieces(trainer)
    fast = {torch.optim.Adam: {"fused": True}, torch.optim.RMSprop: {"foreach": True}}
    options = {**p.settings, **fast[p.optimizer]}
    generator_parameters = list(p.generator.parameters())
    critic_parameters = list(p.critic.parameters())
    generator_optimizer = p.optimizer(generator_parameters, **options)
    critic_optimizer = p.optimizer(critic_parameters, **options)
    ema = [p.detach().clone() for p in generator_parameters]
    order, position = torch.randperm(len(p.x), device=p.x.device), [0]

    def batch() -> Tensor:
        if position[0] + p.batch > len(p.x):
            torch.randperm(len(p.x), out=order)
            position[0] = 0
        index = order[position[0] : position[0] + p.batch]
        position[0] += p.batch
        return to_float(p.x.index_select(0, index))

    def step() -> None:
        for _ in range(p.n_critic):
            x = batch()
            with torch.no_grad():
                fake = p.generator(p.noise())
            if p.has_batch_norm:
                real_score, fake_score = p.critic(x), p.critic(fake)
            else:
                real_score, fake_score = p.critic(torch.cat([x, fake])).chunk(2)
            loss = CRITIC[p.loss](x, fake, real_score.squeeze(-1), fake_score.squeeze(-1))
            critic_optimizer.zero_grad()
            loss.backward()
            critic_optimizer.step()
            if p.clips:
                with torch.no_grad():
                    torch._foreach_clamp_min_(critic_parameters, -BOUND)
                    torch._foreach_clamp_max_(critic_parameters, BOUND)
        loss = GENERATOR[p.loss](p.critic(p.generator(p.noise())).squeeze(-1))
        generator_optimizer.zero_grad()
        loss.backward(inputs=generator_parameters)
        generator_optimizer.step()
        torch._foreach_lerp_(ema, generator_parameters, 1 - DECAY)

    return step


class PILImages(torch.utils.data.Dataset):
    """Images as in most datasets: one PIL image each, transformed on access."""

    def __init__(self, x: Tensor):
        from torchvision import transforms

        self.x = x.cpu()
        steps = [transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Tensor:
        if self.x.dtype != torch.uint8:
            return self.x[i]
        pixels = self.x[i].movedim(0, -1)
        return self.transform(Image.fromarray(pixels.squeeze(-1).numpy()))


def textbook(trainer: Any) -> Callable[[], None]:
    """Return the step of tutorials: a DataLoader, default optimizers, two critic passes."""
    p = Pieces(trainer)
    for network in (p.generator, p.critic):
        network.to(memory_format=torch.contiguous_format)
        for module in network.modules():
            if isinstance(module, (LatentConvTranspose, GlobalConv)):
                module.__class__ = type(module).__base__  # torch's own layer, as in tutorials
    loader = torch.utils.data.DataLoader(PILImages(p.x), p.batch, shuffle=True, drop_last=True)
    generator_optimizer = p.optimizer(p.generator.parameters(), **p.settings)
    critic_optimizer = p.optimizer(p.critic.parameters(), **p.settings)
    batches = [iter(loader)]

    def batch() -> Tensor:
        x = next(batches[0], None)
        if x is None:
            batches[0] = iter(loader)
            x = next(batches[0])
        return x.to(p.x.device)

    def step() -> None:
        for _ in range(p.n_critic):
            x, fake = batch(), p.generator(p.noise()).detach()
            critic_optimizer.zero_grad()
            real_score, fake_score = p.critic(x).squeeze(-1), p.critic(fake).squeeze(-1)
            loss = CRITIC[p.loss](x, fake, real_score, fake_score)
            loss.backward()
            critic_optimizer.step()
            for parameter in p.critic.parameters() if p.clips else ():
                parameter.data.clamp_(-BOUND, BOUND)
        generator_optimizer.zero_grad()
        loss = GENERATOR[p.loss](p.critic(p.generator(p.noise())).squeeze(-1))
        loss.backward()
        generator_optimizer.step()

    return step
