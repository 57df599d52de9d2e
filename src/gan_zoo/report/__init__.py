"""Reports that compare runs: reads their folders, computes statistics, writes one page.

Imports no torch.
"""
