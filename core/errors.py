"""Errors that say what to do about them."""


class OperatorError(Exception):
    """Something the operator can mend. Its message says what is wrong and what to do, and is all they are shown."""


class PermanentError(Exception):
    """Trying again cannot help: the work goes to a person at once."""


class RetryLater(Exception):
    """Somebody asked for patience; `seconds` is how long."""

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds
