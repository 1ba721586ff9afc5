"""New models out of trained ones. `ensemble` puts several together; start at `make` for how one is made."""
