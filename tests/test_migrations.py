"""Migrations: the tables that they make are those that the model means."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlmodel import SQLModel, col

from flashmail import migrations
from flashmail.database import connect
from flashmail.errors import WrongInput
from flashmail.model import Draft

ID = col(Draft.id)


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
