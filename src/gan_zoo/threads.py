"""Threads that work beside the training loop without slowing it down."""

from concurrent.futures import ThreadPoolExecutor

import torch


def single_core_pool(count: int, name: str) -> ThreadPoolExecutor:
    """So many threads in which torch's operations use one core each.

    By default each would start as many OpenMP threads as there are cores. With more of them than
    cores none waits for work awake any more, and all later steps of the loop take up to twice as
    long.
    """
    # whoever has not settled its own number by now would take over that of the last thread
    torch.get_num_threads()
    return ThreadPoolExecutor(count, name, torch.set_num_threads, (1,))
