"""Every error that flashmail raises on purpose."""


class FlashmailError(Exception):
    """Something went wrong that a person can understand; the text says what."""


class WrongInput(FlashmailError):
    """What was given cannot be used; the text says where and what to mend."""


class NeedsDecision(FlashmailError):
    """A person has to decide before this can go on; the text says what about."""


class NotFound(WrongInput):
    """There is nothing of this number or name; a page answers 404."""


class DraftNotFound(NotFound):
    """There is no draft of this number, or not this form of it."""


class SegmentNotFound(NotFound):
    """There is no segment of this name, or number."""


class RenderError(WrongInput):
    """A template and what it was given make no mail; line 0 is the whole file."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        place = f"{file}:{line}: " if line else f"{file}: " if file else ""
        super().__init__(place + message)
        self.message, self.file, self.line = message, file, line


class BriefError(WrongInput):
    """This cannot be a brief; the text says where, and what to mend."""


class CampaignNotFound(NotFound):
    """There is no campaign of this number."""


class RequestNotFound(NotFound):
    """There is no such request any more."""


class StaffNotFound(NotFound):
    """There is no member of staff of this number."""


class SubscriberNotFound(NotFound):
    """There is no subscriber of this number."""


class UploadNotFound(NotFound):
    """There is no such upload, or not any more."""


class CannotImport(WrongInput):
    """What was to become a draft cannot be read; the text says what to do instead."""


class FormError(WrongInput):
    """A field of the editor's form holds what no brief can have."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
