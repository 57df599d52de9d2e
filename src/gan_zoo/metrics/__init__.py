"""How good, how diverse, how healthy.

The numbers are pure functions of tensors, float64 inside: modes, divergence, transport, frechet,
kernel, manifold, classes, neighbors, critics. Around them: the feature network (features, cache),
the judges that gather a dataset's numbers with their protocol, and the watch over a run's health.
"""
