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
from sqlalchemy.engine.interfaces import ReflectedIndex
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
#: to be different goes into a new file, whose SHA-256 is added here.
LANDED: dict[str, str] = {  # file: SHA-256
    "0001_first_tables.py": "5f57d4379e9c0bd932aa0d84e11a24325a738a2da23f1174b1840ee6f931c38e",  # noqa: E501
}


def test_no_migration_that_landed_was_edited() -> None:
    files = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in (migrations.HERE / "versions").glob("[0-9]*.py")
    }

    assert files == LANDED, "add a new migration instead of editing one that landed"


def index_of(index: ReflectedIndex) -> str:
    """Return an index in words, its condition too."""
    options = {key: str(value) for key, value in index["dialect_options"].items()}
    return f"{index['name']} {index['unique']} {index['column_names']} {options}"


def form_of(engine: Engine) -> dict[str, Any]:
    """Return all that a database says of its tables."""
    looked = inspect(engine)
    return {
        table: {
            "columns": [
                {**each, "type": str(each["type"]), "default": str(each["default"])}
                for each in looked.get_columns(table)
            ],
            "key": looked.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(
                each["column_names"] for each in looked.get_unique_constraints(table)
            ),
            "indexes": sorted(map(index_of, looked.get_indexes(table))),
            "foreign": sorted(
                (each["constrained_columns"], each["referred_table"])
                for each in looked.get_foreign_keys(table)
            ),
        }
        for table in sorted(looked.get_table_names())
        if table != "alembic_version"
    }


def test_migrations_make_what_the_model_declares(engine: Engine) -> None:
    declared = form_of(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    SQLModel.metadata.drop_all(engine)
    try:
        migrations.upgrade(engine)

        assert form_of(engine) == declared
    finally:
        SQLModel.metadata.drop_all(engine)
        SQLModel.metadata.create_all(engine)


def test_tables_without_row_numbers_stay_so(empty: Engine) -> None:
    migrations.upgrade(empty)

    with empty.connect() as connection:
        made = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
    without = {name for name, sql in made if sql and "WITHOUT ROWID" in sql}
    assert without == {
        table.name
        for table in SQLModel.metadata.sorted_tables
        if table.dialect_options["sqlite"]["with_rowid"] is False
    }
