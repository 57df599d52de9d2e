"""Replaces CUDA graphs on a CPU, to test the code around a graph: not CUDA."""

import contextlib

import torch

from gan_zoo.training import cuda_graph
from gan_zoo.training.cuda_graph import CudaGraphRunner
from gan_zoo.training.runner import StepRunner


def replace_cuda(monkeypatch):
    """Let replays run the captured steps again, without a GPU."""

    @contextlib.contextmanager
    def nothing(*_, **__):
        yield

    for name in ("device", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, nothing)
    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda: Waiting())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Rerun)
    monkeypatch.setattr(cuda_graph, "CudaGraphRunner", RerunningRunner)


class Waiting:
    def wait_stream(self, _):
        pass


class Rerun:
    """A graph whose replay runs the captured steps again."""

    def replay(self):
        runner = self.runner
        runner._inputs = runner._inputs.clone()
        runner._metrics = cuda_graph._totals(runner._steps(len(runner._weights)))
        runner._gradients = StepRunner.gradients(runner)


class RerunningRunner(CudaGraphRunner):
    def __init__(self, gan, loader, noise, updates):
        super().__init__(gan, loader, noise, updates)
        for update in (gan.critic_update, gan.generator_update):
            update.optimizer.param_groups[0]["capturable"] = False  # which torch has on GPUs alone

    def _capture(self, batch):
        super()._capture(batch)
        self._graph.runner = self
