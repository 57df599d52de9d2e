"""What the process imports that `forked_scripts` forks: all that the scripts use."""

import importlib
import pkgutil

import matplotlib.figure  # noqa: F401
import torch
import torchvision  # noqa: F401

import gan_zoo

for _module in pkgutil.walk_packages(gan_zoo.__path__, "gan_zoo."):
    importlib.import_module(_module.name)
torch.set_num_threads(1)
