"""Roster files: whatever a spreadsheet saves, the same people come out of it."""

from pathlib import Path

import pytest

from flashmail.errors import WrongInput
from flashmail.import_export.files import examine, is_hint, rows
from flashmail.import_export.rows import Columns, read_header

PEOPLE = [
    ["address", "name", "topics"],
    ["jose@example.org", "José Núñez", "Iran;Pakistan"],
    ["marta@example.org", "Żaneta, “M”", ""],
]


def cells(path: Path) -> list[list[str]]:
    found = rows(examine(path), lambda done: None)
    return [row.cells for row in found if not is_hint(row.cells)]


def saved(path: Path, separator: str = ",", line_end: str = "\r\n") -> str:
    quoted = [[f'"{cell}"' for cell in row] for row in PEOPLE]
    return line_end.join(separator.join(row) for row in quoted) + line_end


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_spreadsheets_save_in_many_ways(
    tmp_path: Path, encoding: str, separator: str, line_end: str
) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(saved(path, separator, line_end).encode(encoding))

    assert cells(path) == PEOPLE


def test_windows_letters_are_read(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes("address,name\njose@example.org,José – “x”\n".encode("cp1252"))

    assert cells(path)[1] == ["jose@example.org", "José – “x”"]


def test_the_line_of_a_row_is_where_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text('address,note\n\na@example.org,"two\nlines"\nb@example.org,x\n')

    assert [row.line for row in rows(examine(path), lambda done: None)] == [1, 3, 5]


def test_the_hint_that_excel_writes_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("sep=;\naddress;name\nanne@example.org;Anne, B.\n")

    assert cells(path) == [["address", "name"], ["anne@example.org", "Anne, B."]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PK\x03\x04 and so on", "Excel workbook: save it as CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no text"),
        (b"address\nanne\x81@example.org", "no text"),
        (b"", "empty"),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(content)

    with pytest.raises(WrongInput, match=problem):
        examine(path)


def test_a_row_of_a_million_cells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("address\n" + "," * 2_000_000)

    with pytest.raises(WrongInput, match="line 2 is too long"):
        cells(path)


@pytest.mark.parametrize(
    "name", ["Email", "E-Mail", "EMAIL ADDRESS", " e-mail address ", "\ufeffaddress"]
)
def test_the_address_column_has_many_names(name: str) -> None:
    assert read_header(["Name", name, "Topics"]).address == 1


def test_other_columns_are_attributes_under_plain_names() -> None:
    columns = read_header(["E-mail", "Address", "Job Title", "TimeZone", "", ""])

    assert columns == Columns(
        width=4,
        address=0,
        name=-1,
        topics=-1,
        status=-1,
        time_zone=3,
        language=-1,
        attributes=((1, "postal_address"), (2, "job_title")),
    )
