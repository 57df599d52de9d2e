"""Threads beside the loop: torch uses one core in each of them, and all of its own in the loop."""

import os
import subprocess
import sys

import pytest

WRITER = """
from gan_zoo.monitoring.background import BackgroundWriter
writer = BackgroundWriter()
writer.submit({"": lambda: told.append(torch.get_num_threads())})
writer.close()
"""
FEED = """
from gan_zoo.data import loader
from gan_zoo.data.mixtures import Ring
from gan_zoo.data.in_memory import HostDataset
fetch = loader._fetch
loader._fetch = lambda *given: told.append(torch.get_num_threads()) or fetch(*given)
points = Ring(count=100).load("train")
target = torch.device("cpu")
streamed = HostDataset(points.x, points.y, points.num_classes, target=target, workers=2)
streamed.loader(7, seed=1).next()
"""


def cores(script):
    """What a script prints in a process of its own: torch settles on cores when it has to know."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", f"import torch\ntold = []\n{script}"]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize("work", [WRITER, FEED], ids=["writer", "feed"])
@pytest.mark.parametrize("first", ["", "torch.randn(9)", "torch.set_num_threads(2)"])
def test_torch_has_one_core_beside_the_loop_and_all_of_its_own_in_it(work, first):
    usual = cores(f"{first}\nprint(torch.get_num_threads())")
    assert cores(f"{first}\n{work}\nprint(set(told), torch.get_num_threads())") == ["{1}", *usual]
