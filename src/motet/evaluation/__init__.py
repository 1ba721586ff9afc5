"""Evaluation: protocol, scores, records, baselines, comparison, report."""
