"""Datasets, and the batches that reach the device.

A dataset is a settings class with `load(split) -> InMemoryDataset` and `render(x)`, which import
torch only when called.
"""
