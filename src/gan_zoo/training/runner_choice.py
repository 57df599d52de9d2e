"""Whether steps are compiled, or captured on a GPU, and how many of them at once."""

from gan_zoo.architectures.networks import has_convolutions
from gan_zoo.training.noise import Noise
from gan_zoo.training.runner import Batches, StepRunner, warn_fallback
from gan_zoo.training.step import GANState

# compiling a step costs the time that 10,000 compiled steps save
_WORTH_ON_CPU, _WORTH_ON_CUDA = 25_000, 1_000  # steps of a run
_UPDATES_PER_GRAPH = 64  # on a GPU


def should_compile(gan: GANState, steps: int) -> bool:
    """Return whether compiling pays: on CUDA almost always, on CPUs for long runs of perceptrons.

    Convolutions on a CPU gain nothing: compilers do not change their kernels. On other devices
    nothing is compiled.
    """
    if gan.device.type == "cuda":
        return steps >= _WORTH_ON_CUDA
    if gan.device.type != "cpu":
        return False
    return steps >= _WORTH_ON_CPU and not has_convolutions(gan.generator, gan.critic)


def steps_per_graph(gan: GANState, n_critic: int, gap: int) -> int:
    """Return the number of steps to run as one: a divisor of `gap`; any number divides 0."""
    if gan.device.type != "cuda":
        return 1
    return largest_divisor(gap, max(1, _UPDATES_PER_GRAPH // (n_critic + 1)))


def largest_divisor(number: int, most: int) -> int:
    """Return the largest divisor of a number up to `most`; any number divides 0."""
    return max(count for count in range(1, most + 1) if number % count == 0)


def make_runner(
    gan: GANState, loader: Batches, noise: Noise, n_critic: int, steps: int
) -> StepRunner:
    """Make a runner that compiles steps, or captures `steps` at a time, when they first run.

    Falls back to eager steps if that fails, and logs why.
    """
    try:
        if gan.device.type == "cuda":
            from gan_zoo.training.cuda_graph import CudaGraphRunner

            return CudaGraphRunner(gan, loader, noise, [n_critic] * steps)
        if gan.device.type != "cpu":
            raise NotImplementedError(f"only for cpu and cuda, not for {gan.device.type}")
        from gan_zoo.training.compiled import CompiledRunner

        return CompiledRunner(gan, loader, noise)
    except Exception as error:  # compilers fail in many ways
        warn_fallback(error)
        return StepRunner(gan, loader, noise)
