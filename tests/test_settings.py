"""Settings: the missing and the senseless are refused, and secrets stay secret."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from flashmail import bootstrap
from flashmail.database import connect
from flashmail.errors import WrongInput
from flashmail.settings import PREFIX, Settings, TransportName, load
from flashmail.transports.outbox import Outbox

NO_ENGINE = connect("sqlite://")
ROOT = Path(__file__).parent.parent
GOOD = {
    "SECRET_KEY": "k" * 32,
    "SENDER": "Flash Briefs <briefs@example.org>",
    "POSTAL_ADDRESS": "1 Example Street, Example City",
}


def home(folder: Path, **changes: str) -> Path:
    lines = [f"{PREFIX}{name}={value}" for name, value in (GOOD | changes).items()]
    (folder / ".env").write_text("\n".join(lines))
    return folder


def test_a_home_is_read_from_its_env_file(tmp_path: Path) -> None:
    settings = load(home(tmp_path))

    assert settings.sender_name == "Flash Briefs"
    assert settings.database == f"sqlite:///{tmp_path}/flashmail.db"
    assert settings.transport is TransportName.OUTBOX


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHMAIL_SENDER", "Other <other@example.net>")

    assert load(home(tmp_path)).sender_name == "Other"


def test_in_training_nothing_leaves_whatever_the_transport(tmp_path: Path) -> None:
    smtp = {"TRANSPORT": "smtp", "SMTP_URL": "smtp://127.0.0.1:9?starttls=never"}
    settings = load(home(tmp_path, **smtp, TRAINING="true", FAILOVER="outbox"))

    assert isinstance(bootstrap.transport(settings), Outbox)
    assert isinstance(
        bootstrap.transactional_sender(settings, NO_ENGINE).transport(), Outbox
    )


def test_everything_missing_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(WrongInput) as refused:
        load(tmp_path)

    for name in GOOD:
        assert f"{PREFIX}{name} is missing" in str(refused.value)
    assert "flashmail init" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY has at least 32"),
        ({"SENDER": "briefs@example.org"}, "SENDER is 'Name <address>'"),
        ({"SENDER": "A, B <a@example.org>, c@d.org"}, "SENDER is 'Name <address>'"),
        ({"SENDER": "Briefs <briefs@>"}, "SENDER"),
        ({"BASE_URL": "example.org"}, "BASE_URL is an address such as"),
        ({"BASE_URL": "https://u@example.org"}, "BASE_URL has no query"),
        ({"TRANSPORT": "pigeon"}, "TRANSPORT Input should be"),
        ({"TRANSPORT": "smtp"}, "SMTP_URL is needed"),
        ({"TRANSPORT": "sendgrid"}, "SENDGRID_API_KEY is needed"),
        ({"DISPATCH": "procrastinate"}, "DISPATCH procrastinate needs a postgresql"),
        (
            {
                "TRANSPORT": "sendgrid",
                "SENDGRID_API_KEY": "k",
                "BASE_URL": "http://mail.example.org",
            },
            "BASE_URL begins with https://",
        ),
        ({"SMTP_CONNECTIONS": "0"}, "SMTP_CONNECTIONS"),
        ({"POSTAL_ADDRESS": "x"}, "POSTAL_ADDRESS"),
        (
            {"TRUSTED_PROXIES": "localhost"},
            "TRUSTED_PROXIES holds no address or network",
        ),
        ({"TRUSTED_PROXIES": "*"}, "TRUSTED_PROXIES holds no address or network"),
        (
            {"TRUSTED_PROXIES": "127.0.0.1,10.0.0.1/8"},
            "TRUSTED_PROXIES holds no address or network",
        ),
        ({"TRANPORT": "smtp"}, "TRANPORT is no setting"),
        ({"LOG": "json"}, "FLASHMAIL_LOG is called FLASHMAIL_LOG_FORMAT now"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, changes: Mapping[str, str], complaint: str
) -> None:
    with pytest.raises(WrongInput, match=re.escape(complaint)):
        load(home(tmp_path, **changes))


def test_several_old_keys_are_read(tmp_path: Path) -> None:
    keys = f"{'a' * 32}, {'b' * 32}"

    settings = load(home(tmp_path, OLD_SECRET_KEYS=keys))

    assert settings.secrets == ("k" * 32, "a" * 32, "b" * 32)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    url = "smtp://user:canary@mail.example.org"
    database = "postgresql://u:canary@db.example.org/flashmail"

    settings = load(
        home(tmp_path, SMTP_URL=url, SENDGRID_API_KEY="canary", DATABASE_URL=database)
    )

    assert "canary" not in repr(settings) + str(settings)
    assert "k" * 32 not in repr(settings)


def test_the_example_names_every_setting_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text()

    named = set(re.findall(rf"^#?{PREFIX}([A-Z_]+)=", example, re.MULTILINE))

    assert named == {name.upper() for name in Settings.model_fields}


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()

    for name in Settings.model_fields:
        assert f"`{PREFIX}{name.upper()}`" in readme
