"""Logging of a run: TensorBoard, sample images, metrics.jsonl, progress, summary."""
