"""Annotations are checked by beartype, which reads those of a function when it is first called."""

from functools import wraps

from beartype import beartype


def checked_when_called(function):
    """Return a function that lets beartype read the annotations at the first call.

    Reading those of the whole library takes seconds, and most tests call little of it.
    """
    checked = None

    @wraps(function)
    def check(*args, **kwargs):
        nonlocal checked
        if checked is None:
            checked = beartype(function)
        return checked(*args, **kwargs)

    return check
