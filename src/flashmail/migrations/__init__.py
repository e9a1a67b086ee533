"""The tables' history: bringing a database to the form that this flashmail needs."""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from flashmail.errors import WrongInput

HERE = Path(__file__).parent

#: Alembic's own table, with the revision that the database is at.
REVISION = text("SELECT version_num FROM alembic_version")


def upgrade(engine: Engine) -> None:
    """Bring the tables up to date; a database without any gets them all."""
    # Only here: looking whether the tables are current takes no alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    # A transaction of our own, so that SQLite's DDL is all or nothing, too.
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def head() -> str:
    """Return the revision that this flashmail needs: the last one in `versions/`."""
    return max(path.name[:4] for path in (HERE / "versions").glob("[0-9]*.py"))


def is_empty(engine: Engine) -> bool:
    """Return whether there are no tables at all yet."""
    return not inspect(engine).get_table_names()


def require_current(engine: Engine) -> None:
    """Refuse to work on tables of another flashmail's form."""
    with engine.connect() as connection:
        known = inspect(connection).has_table("alembic_version")
        here = connection.execute(REVISION).scalar() if known else None
    if here != head():
        raise WrongInput(
            f"the database is at revision {here or 'none'}, this flashmail needs"
            f" {head()}: make a backup, then run 'flashmail init'"
        )
