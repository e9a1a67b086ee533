"""Links: what leaves with a mail comes back, and nothing else does."""

import pytest

from flashmail.errors import WrongInput
from flashmail.links import BadToken, Links, Purpose, Tokens, envelope_sender
from flashmail.message import TOKEN_WIDTH, fill

OURS = Tokens.of(["k" * 32])


def test_a_token_names_its_delivery() -> None:
    token = OURS.write(Purpose.WATCH, 7, 4_000_000_000)

    assert OURS.read(Purpose.WATCH, token) == (7, 4_000_000_000)
    assert len(token) == TOKEN_WIDTH


@pytest.mark.parametrize("other", [Purpose.LEAVE, Purpose.BOUNCE])
def test_a_token_is_good_for_one_purpose(other: Purpose) -> None:
    token = OURS.write(Purpose.WATCH, 1, 1)

    with pytest.raises(BadToken):
        OURS.read(other, token)


def test_every_changed_character_makes_it_bad() -> None:
    token = OURS.write(Purpose.LEAVE, 1, 2)

    for place, letter in enumerate(token):
        forged = token[:place] + ("0" if letter != "0" else "1") + token[place + 1 :]
        with pytest.raises(BadToken):
            OURS.read(Purpose.LEAVE, forged)


@pytest.mark.parametrize(
    "token", ["", "1", "x" * 48, "0" * 47, "0" * 48, "0" * 49, "٣" * 48, " " + "0" * 47]
)
def test_garbage_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        OURS.read(Purpose.WATCH, token)


def test_a_mail_server_may_fold_the_case() -> None:
    token = OURS.write(Purpose.BOUNCE, 3, 9)

    assert OURS.read(Purpose.BOUNCE, token.upper()) == (3, 9)


def test_links_outlive_a_change_of_keys() -> None:
    old = OURS.write(Purpose.LEAVE, 1, 2)
    rotated = Tokens.of(["n" * 32, "k" * 32])

    assert rotated.read(Purpose.LEAVE, old) == (1, 2)
    with pytest.raises(BadToken):
        OURS.read(Purpose.LEAVE, rotated.write(Purpose.LEAVE, 1, 2))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(WrongInput, match="at least 32"):
        Tokens.of(["short"])


def test_a_bounce_address_fits_into_an_envelope() -> None:
    address = fill(envelope_sender("example.org"), lambda _: "f" * TOKEN_WIDTH)

    assert len(address.partition("@")[0]) <= 64


def test_links_hold_the_mark_of_their_reader() -> None:
    links = Links("https://mail.example.org")

    assert fill(links.click(3), lambda field: f"<{field}>") == (
        "https://mail.example.org/c/<watch>/3"
    )
    assert fill(links.unsubscribe(), lambda field: f"<{field}>").endswith("/u/<leave>")
