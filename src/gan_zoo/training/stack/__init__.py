"""Several runs as one model: each tensor of theirs is a slice of a stacked tensor (S, ...).

Their steps are the steps of one run (`step.py`) with one more leading dimension: a small network
takes as long to start an operation as to compute it, and a stack starts it once for all runs.
"""
