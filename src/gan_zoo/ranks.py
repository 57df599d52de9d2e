"""The processes of one run, each with a device and its share of every batch ("ranks" in torch)."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Ranks:
    """All processes of a run, as one of them sees them; without arguments, it is the only one.

    Methods that communicate must be called by all ranks in the same order. They need
    torch's default process group, unless there is one process.

    Attributes:
        rank: number of this process; 0 writes the run's folder.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    def share(self, batch: "Tensor") -> "Tensor":
        """Return this process's part of a whole batch (N, ...): every count-th row.

        Rows of different batches stay pairs, and halves of a batch are shared equally.
        """
        return batch if self.count == 1 else batch[self.rank :: self.count].contiguous()

    def average(self, x: "Tensor") -> "Tensor":
        """Return the mean of the processes' values, shape (...), for a statistic of the batch.

        Gradients flow to the values of all processes.
        """
        if self.count == 1:
            return x
        from gan_zoo.collectives import Average

        return Average.apply(x, self.count)

    def average_together(self, tensors: "Sequence[Tensor]") -> "list[Tensor]":
        """Return the means of several tensors over the processes, by one exchange of all of them.

        No gradients flow through it.
        """
        if self.count == 1:
            return list(tensors)
        import torch

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        parts = flat.div_(self.count).split([tensor.numel() for tensor in tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def broadcast(self, tensors: "Iterable[Tensor]") -> None:
        """Overwrite tensors with those of rank 0."""
        if self.count > 1:
            import torch

            for tensor in tensors:
                dense = tensor.detach().contiguous()
                torch.distributed.broadcast(dense, 0)
                tensor.detach().copy_(dense)

    def broadcast_object(self, value: Any) -> Any:
        """Return the value that rank 0 gives."""
        if self.count == 1:
            return value
        import torch

        values = [value]
        torch.distributed.broadcast_object_list(values, 0)
        return values[0]
