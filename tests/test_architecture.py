"""One writer of each thing that everything else rests on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flashmail

SOURCE = Path(flashmail.__file__).parent
CHANGES = {"insert", "delete", "update", "upsert"}

#: Which table is written in which modules only, besides the model that declares it.
WRITERS = {
    "Suppression": {"audience/suppression.py"},
    "AuditEntry": {"audit.py"},
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(SOURCE).as_posix(), node


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def writes(call: ast.Call, table: str) -> bool:
    """Whether a call makes a row of a table, or changes its rows."""
    name = name_of(call.func)
    first = name_of(call.args[0]) if call.args else ""
    return name == table or (name in CHANGES and first == table)


@pytest.mark.parametrize("table", WRITERS)
def test_a_table_has_one_writer(table: str) -> None:
    writers = {module for module, call in calls() if writes(call, table)}

    assert writers == WRITERS[table]


def test_only_the_database_commits() -> None:
    commits = {module for module, call in calls() if name_of(call.func) == "commit"}

    assert commits <= {"database.py"}


def test_errors_are_declared_in_one_place() -> None:
    from flashmail import errors

    missing = {each.__module__ for each in errors.NotFound.__subclasses__()}

    assert missing == {"flashmail.errors"}
