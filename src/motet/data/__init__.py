"""From files to batches: readers, cleaning, order, splits, labels, counters, timelines, collation."""
