"""Which indexes: the statements of a workload, and what would serve them."""
