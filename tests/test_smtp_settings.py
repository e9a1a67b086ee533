"""The SMTP URL: what it says, and what it must not."""

import pytest

from flashmail.errors import WrongInput
from flashmail.transports.smtp import SmtpSettings, Tls


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        (
            "smtp://mail.example.org",
            SmtpSettings("mail.example.org", 587, Tls.STARTTLS),
        ),
        (
            "smtps://mail.example.org",
            SmtpSettings("mail.example.org", 465, Tls.IMPLICIT),
        ),
        (
            "smtp://u%40x:p%3Aw%2F@mail.example.org:25?starttls=required",
            SmtpSettings("mail.example.org", 25, Tls.STARTTLS, "u@x", "p:w/"),
        ),
        (
            "smtp://mail.example.org:25?starttls=never",
            SmtpSettings("mail.example.org", 25, Tls.NEVER),
        ),
        ("smtp://localhost:1025", SmtpSettings("localhost", 1025, Tls.NEVER)),
        (
            "smtp://u:p@127.0.0.1:25",
            SmtpSettings("127.0.0.1", 25, Tls.NEVER, "u", "p"),
        ),
        ("smtp://[::1]:25/", SmtpSettings("::1", 25, Tls.NEVER)),
        (
            "smtp://127.0.0.1:25?starttls=required",
            SmtpSettings("127.0.0.1", 25, Tls.STARTTLS),
        ),
    ],
)
def test_a_url_says_where_and_how(url: str, settings: SmtpSettings) -> None:
    assert SmtpSettings.parse(url) == settings


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "smtp://"),
        ("mail.example.org", "smtp://"),
        ("http://u:s3cret@mail.example.org", "smtp://"),
        ("smtp://", "smtp://"),
        ("smtp://u:s3cret@mail.example.org:99999", "host or port"),
        ("smtp://u:s3cret@mail.example.org:0", "port"),
        ("smtp://u:s3cret@mail.example.org/box", "ends after its port"),
        ("smtp://s3cret@mail.example.org", "a user and a password"),
        ("smtp://u:s3cret@mail.example.org?starttls=maybe", "required, never"),
        ("smtp://u:s3cret@mail.example.org?tls=1", "starttls"),
        ("smtps://u:s3cret@mail.example.org?starttls=never", "smtps"),
        ("smtp://u:s3cret@mail.example.org?starttls=never", "unencrypted"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(WrongInput, match=complaint) as problem:
        SmtpSettings.parse(url)

    assert "s3cret" not in str(problem.value)


def test_the_password_is_not_shown() -> None:
    assert "s3cret" not in repr(SmtpSettings.parse("smtps://u:s3cret@mail.example.org"))
