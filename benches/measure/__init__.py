"""What `run` and `counts` are made of."""
