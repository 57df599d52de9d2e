"""Which loss for my images? Plan a comparison that fits a time budget, and recommend a loss.

The plan follows from facts about the data and measured seconds, by pure functions.
`commands.compare` measures, prints the plan, and trains it as an ordinary sweep.
"""
