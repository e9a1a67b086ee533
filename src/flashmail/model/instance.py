"""An instance: one installation that may send from this database."""

from sqlmodel import Field, SQLModel


class Instance(SQLModel, table=True):
    """A home that has sent, or was let to, and how often it has claimed since.

    The home keeps the same number in a file. A database that was restored from a backup
    knows of fewer claims than the file, and a copied home has another fingerprint:
    either must not send before a person has looked. See `sending.engine.instance`.
    """

    token: str = Field(primary_key=True)
    fingerprint: str
    claims: int = 0
