"""The tables' history: bringing a database to the form that this flashmail needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from flashmail.errors import WrongInput


def upgrade(engine: Engine) -> None:
    """Bring the tables up to date; a database without any gets them all."""
    config = _config()
    # A transaction of our own, so that SQLite's DDL is all or nothing, too.
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_empty(engine: Engine) -> bool:
    """Return whether there are no tables at all yet."""
    return not inspect(engine).get_table_names()


def require_current(engine: Engine) -> None:
    """Refuse to work on tables of another flashmail's form."""
    with engine.connect() as connection:
        here = MigrationContext.configure(connection).get_current_revision()
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if here != head:
        raise WrongInput(
            f"the database is at revision {here or 'none'}, this flashmail needs"
            f" {head}: make a backup, then run 'flashmail init'"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
