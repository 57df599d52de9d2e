"""Run folders to an answer with error bars: reading, statistics, figures, one page.

Reads what runs wrote; imports no torch.
"""
