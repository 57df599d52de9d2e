"""The processes of a run on several devices: one rank each, in torch's terms."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Ranks:
    """One of the processes that train a run together; by default the only one.

    Attributes:
        rank: of this process, from 0, which alone writes into the run's folder.
        count: of all processes.
    """

    rank: int = 0
    count: int = 1

    def agree(self, number: int) -> int:
        """Return the largest number that any rank gives."""
        if self.count == 1:
            return number
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        largest = torch.tensor(number, device=device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)

    def broadcast_object(self, value: Any) -> Any:
        """Return the value that rank 0 gives."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of rank 0."""
        if self.count > 1:
            for tensor in tensors:
                copy = tensor.detach().contiguous()
                dist.broadcast(copy, src=0)
                tensor.detach().copy_(copy)
