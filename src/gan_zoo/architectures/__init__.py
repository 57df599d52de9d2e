"""Networks: one module per family, whose `generator` and `critic` are named in YAML."""
