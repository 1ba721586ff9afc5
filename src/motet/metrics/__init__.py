"""Metrics: pure numpy functions, each with its source, its edge cases and an example."""
