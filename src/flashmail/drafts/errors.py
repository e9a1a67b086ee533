"""What can go wrong while a brief is written."""

from flashmail.errors import WrongInput


class CannotBring(WrongInput):
    """What was to become a draft cannot be read; the text says what to do instead."""


class FormError(WrongInput):
    """A field of the editor's form holds what no brief can have."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
