"""The four errors that a person may see; each says where, what was found and what to do."""


class MotetError(Exception):
    """A mistake that a person can mend. The command line prints it without a traceback and exits with 2."""


class ConfigError(MotetError):
    """The configuration (YAML or keywords) is wrong."""


class DataError(MotetError):
    """A data file, a column or a value does not fit the configuration."""


class NotFittedError(MotetError):
    """Something was asked of a model or an encoder before it was trained."""


class ArtifactError(MotetError):
    """A run folder, a bundle or a cache is incomplete, damaged or of another version."""
