"""The command line: one light file a command; what is heavy is imported inside its functions."""
