"""The one kind of error that ends a command."""


class OperatorError(Exception):
    """Something the operator can mend. Its message says what is wrong and what to do, and is all they are shown."""
