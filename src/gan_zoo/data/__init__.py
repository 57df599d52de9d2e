"""Where samples come from, and how they reach the device in batches.

A dataset is a settings class with `load(split) -> Samples` and `picture(x)`, both importing torch
only when called.
"""
