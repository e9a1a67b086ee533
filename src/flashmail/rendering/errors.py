"""What can go wrong between a brief, a template and a mail."""

from flashmail.errors import WrongInput


class RenderError(WrongInput):
    """A template and what it was given make no mail; line 0 is the whole file."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        place = f"{file}:{line}: " if line else f"{file}: " if file else ""
        super().__init__(place + message)
        self.message, self.file, self.line = message, file, line
