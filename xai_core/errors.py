"""Exceptions whose messages name what was expected, what was found, and the fix.

    XaiError
    |- ConfigError (also ValueError)       a setting outside its range
    |- DataError                           images, labels or a data set that cannot be used
    |- TrainingDivergedError               the loss is not finite
    |- ProcessLostError                    one of several processes ended before the others
    |- OutOfMemoryError                    the device or the machine is out of memory
    `- BundleError                         a bundle that is damaged, foreign or incomplete
       |- BundleNotFoundError              no such bundle
       `- BundleVersionError               written by another schema version

A wrong argument is a plain ValueError or TypeError.
"""

__all__ = [
    "BundleError",
    "BundleNotFoundError",
    "BundleVersionError",
    "ConfigError",
    "DataError",
    "OutOfMemoryError",
    "ProcessLostError",
    "TrainingDivergedError",
    "XaiError",
]


class XaiError(Exception):
    """Base of all errors of this library; the message is meant for the user."""


class ConfigError(XaiError, ValueError):
    """A setting outside its range."""


class DataError(XaiError):
    """Images, labels or a data set that cannot be used."""


class TrainingDivergedError(XaiError):
    """The loss is not finite; the last good state is kept."""


class ProcessLostError(XaiError):
    """One of several processes ended before the others; the last good state is kept."""


class OutOfMemoryError(XaiError):
    """The device or the machine is out of memory; the message says what to reduce."""


class BundleError(XaiError):
    """A bundle that is damaged, foreign or incomplete."""


class BundleNotFoundError(BundleError):
    """There is no bundle with this name or at this path."""


class BundleVersionError(BundleError):
    """A bundle written by another schema version."""
