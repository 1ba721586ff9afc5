"""Neural parts that know nothing of items, users or tasks: they take plain arguments and tensors."""
