"""Background threads use one core each, and do not change the training thread's cores."""

import functools
import os
import subprocess
import sys

import pytest

WRITER = """
from gan_zoo.monitoring.background import BackgroundWriter
writer = BackgroundWriter()
writer.submit({"": lambda: counts.append(torch.get_num_threads())})
writer.close()
"""
LOADER = """
from gan_zoo.data import loader
from gan_zoo.data.mixtures import Ring
from gan_zoo.data.in_memory import HostDataset
fetch = loader._fetch
loader._fetch = lambda *given: counts.append(torch.get_num_threads()) or fetch(*given)
points = Ring(count=100).load("train")
target = torch.device("cpu")
streamed = HostDataset(points.x, points.y, points.num_classes, target=target, workers=2)
streamed.loader(7, seed=1).next()
"""


@functools.cache
def cores(script):
    """Output of a script in a new process: torch counts cores once, at first use."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", f"import torch\ncounts = []\n{script}"]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize("work", [WRITER, LOADER], ids=["writer", "loader"])
@pytest.mark.parametrize("first", ["", "torch.randn(9)", "torch.set_num_threads(2)"])
def test_background_threads_use_one_core_each(work, first):
    usual = cores(f"{first}\nprint(torch.get_num_threads())")
    assert cores(f"{first}\n{work}\nprint(set(counts), torch.get_num_threads())") == ["{1}", *usual]
