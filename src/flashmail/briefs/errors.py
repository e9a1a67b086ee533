"""What is said of a text that cannot be a brief."""

from flashmail.errors import WrongInput


class BriefError(WrongInput):
    """This cannot be a brief; the text says where, and what to mend."""
