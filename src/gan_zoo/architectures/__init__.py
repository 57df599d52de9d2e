"""Networks: one module per family, each with a `generator` and a `critic` to be named in YAML."""
