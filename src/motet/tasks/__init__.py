"""One file a task kind: its head, its loss, its prediction. `build.py` is the one `match` over kinds."""
