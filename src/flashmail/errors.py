"""The root of every error that flashmail raises on purpose."""


class FlashmailError(Exception):
    """Something went wrong that a person can understand; the text says what."""


class WrongInput(FlashmailError):
    """What was given cannot be used; the text says where and what to mend."""


class NeedsDecision(FlashmailError):
    """A person has to decide before this can go on; the text says what about."""


class NoSuchDraft(WrongInput):
    """There is no draft of this number, or not this form of it."""
