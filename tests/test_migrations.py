"""Migrations: the tables that they make are those that the model means."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlmodel import Session, SQLModel, col, select

from flashmail import migrations
from flashmail.database import connect
from flashmail.errors import WrongInput
from flashmail.model import BriefDraft, Campaign
from newsroom import DRAFT

ID = col(BriefDraft.id)


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


def test_drafts_learn_their_topics_from_their_text(empty: Engine) -> None:
    with empty.begin() as connection:
        _upgrade(connection, "0001")
        for number, text_ in enumerate((DRAFT, "no brief at all"), 1):
            connection.execute(
                text(
                    "INSERT INTO brief_draft (id, title, markdown, revision, doubts,"
                    " created_at, created_by, changed_at, changed_by) VALUES"
                    " (:id, 'x', :text, 1, '[]', '2026-03-02 12:00:00', 'Edna',"
                    " '2026-03-02 12:00:00', 'Edna')"
                ),
                {"id": number, "text": text_},
            )

    migrations.upgrade(empty)

    with Session(empty) as session:
        topics = list(session.exec(select(BriefDraft.topics).order_by(ID)))
    assert topics == [["Iran"], []]


def test_amendments_learn_their_words_from_the_log(empty: Engine) -> None:
    with empty.begin() as connection:
        _upgrade(connection, "0005")
        fields = (
            "template, status, priority, audience, frequency, planned, topics, subject,"
            " html, text, headers, envelope_sender, message_digest, created_at"
        )
        for number in (1, 2):
            connection.execute(
                text(
                    f"INSERT INTO campaign (id, {fields}, draft_revision, created_by,"
                    " approved_by, approved_digest, addressed, note) VALUES (:id, 'x',"
                    " 'sent', 0, '{}', 'instant', 0, '[]', 'x', '', '', '[]', '', '',"
                    " '2026-03-02 12:00:00', 0, '', '', '', 0, '')"
                ),
                {"id": number},
            )
        connection.execute(
            text(
                "INSERT INTO audit (at, who, action, subject, detail) VALUES"
                " ('2026-03-02 12:00:00', 'Edna', 'draft the correction', 'campaign 1',"
                " :detail)"
            ),
            {"detail": '{"campaign": 2, "words": "It was Tuesday."}'},
        )

    migrations.upgrade(empty)

    with Session(empty) as session:
        told = session.exec(select(Campaign.amendment).order_by(col(Campaign.id)))
        assert list(told) == ["", "It was Tuesday."]


def _upgrade(connection: Connection, revision: str) -> None:
    """Bring a database to an earlier form."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_a_database_of_another_form_is_refused(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(WrongInput, match="revision 0000"):
        migrations.require_current(empty)
