"""Training: the loop, the optimiser, balance of losses, checkpoints."""
