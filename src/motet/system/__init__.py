"""The machine below: log, randomness, devices, files that exist whole or not at all."""
