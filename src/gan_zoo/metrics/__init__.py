"""Metrics of generated samples and of critics: pure functions of tensors, float64 inside."""
