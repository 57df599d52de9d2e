"""Studies: comparisons of losses that one command trains, and their tables and figures."""
