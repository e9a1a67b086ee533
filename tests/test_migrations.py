"""Migrations: the tables that they make are those that the model means."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from flashmail import migrations
from flashmail.database import connect
from flashmail.errors import WrongInput


@pytest.fixture
def empty() -> Iterator[Engine]:
    engine = connect("sqlite://")
    yield engine
    engine.dispose()


def test_a_new_database_gets_every_table(empty: Engine) -> None:
    assert migrations.is_empty(empty)
    migrations.upgrade(empty)

    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_going_up_twice_changes_nothing(empty: Engine) -> None:
    migrations.upgrade(empty)
    migrations.upgrade(empty)

    migrations.require_current(empty)


def test_a_database_of_another_form_is_refused(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(WrongInput, match="revision 0000"):
        migrations.require_current(empty)


def test_the_last_file_is_the_revision_that_is_needed() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.HERE))

    assert migrations.head() == ScriptDirectory.from_config(config).get_current_head()


#: A migration that landed is never edited: databases have run it as it was. What is
#: to be different goes into a new file. The commit that adds it pins it here, with what
#: `sha256sum src/flashmail/migrations/versions/FILE` says.
LANDED: dict[str, str] = {  # file: SHA-256
    "0001_first_tables.py": "185110212b84f1b021755fb9a9a43214fe398ab8c5fd88c02adb7d2d5d8a1dbb",  # noqa: E501
}


def test_no_migration_that_landed_was_edited() -> None:
    files = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in (migrations.HERE / "versions").glob("*.py")
    }
    edited = {name for name, pinned in LANDED.items() if files.get(name) != pinned}

    assert not edited, f"landed, and differs now: {edited}; add a new migration instead"
    assert files.keys() == LANDED.keys(), "pin the new migration in LANDED, see there"


def written(value: Any) -> str:
    """Return what a database says, in words that can be compared."""
    if isinstance(value, dict):
        return str({key: written(value[key]) for key in sorted(value)})
    return str(value)


def form_of(engine: Engine) -> dict[str, Any]:
    """Return all that a database says of its tables.

    Columns come in their order, with type and collation, default, whether they may be
    null, and what they are computed from; indexes with their conditions; foreign keys
    with what they lead to; the options tell of tables WITHOUT ROWID.
    """
    looked = inspect(engine)
    return {
        table: {
            "columns": [
                written({**each, "type": each["type"].compile(engine.dialect)})
                for each in looked.get_columns(table)
            ],
            "key": written(looked.get_pk_constraint(table)),
            "unique": sorted(map(written, looked.get_unique_constraints(table))),
            "indexes": sorted(map(written, looked.get_indexes(table))),
            "foreign": sorted(map(written, looked.get_foreign_keys(table))),
            "checks": sorted(map(written, looked.get_check_constraints(table))),
            "options": written(looked.get_table_options(table)),
        }
        for table in sorted(looked.get_table_names())
        if table != "alembic_version"
    }


def drop_all(engine: Engine) -> None:
    """Leave nothing, not even the revision that the database is at."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    SQLModel.metadata.drop_all(engine)


def test_migrations_make_what_the_model_declares(engine: Engine) -> None:
    declared = form_of(engine)
    drop_all(engine)
    try:
        migrations.upgrade(engine)

        made = form_of(engine)
        assert made.keys() == declared.keys() == SQLModel.metadata.tables.keys()
        for table, form in declared.items():
            assert made[table] == form, table
    finally:
        drop_all(engine)
        SQLModel.metadata.create_all(engine)


@pytest.mark.parametrize(
    ("words", "option", "set_to"),
    [
        ("WITHOUT ROWID", "with_rowid", False),
        ("AUTOINCREMENT", "autoincrement", True),  # which no reflection tells
    ],
)
def test_what_only_sqlite_knows_is_migrated_too(
    empty: Engine, words: str, option: str, set_to: bool
) -> None:
    migrations.upgrade(empty)

    with empty.connect() as connection:
        made = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
    assert {name for name, sql in made if sql and words in sql} == {
        table.name
        for table in SQLModel.metadata.sorted_tables
        if table.dialect_options["sqlite"][option] is set_to
    }
