"""What a run tells while it trains: TensorBoard, pictures, metrics.jsonl, progress, summary."""
