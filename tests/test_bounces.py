"""Bounces: what a mail that came back says, and what only looks like one."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from flashmail.bounces import BounceKind, read_bounce
from returned import SAMPLES, complaint, dsn, notice, sample

TOKEN = "0000000100000001" + "a" * 32

Case = tuple[str, str]


@pytest.mark.parametrize(
    ("name", "kind", "address", "status"),
    [
        ("postfix-unknown-user", BounceKind.HARD, "anne@example.com", "5.1.1"),
        ("exim-mailbox-full", BounceKind.SOFT, "ben@example.com", "5.2.2"),
        ("qmail-no-mailbox", BounceKind.HARD, "carla@example.com", "5.1.1"),
        ("gmail-german", BounceKind.HARD, "dora@example.com", ""),
        ("arf-abuse-redacted", BounceKind.COMPLAINT, "redacted@example.com", ""),
        ("vacation-null-sender", BounceKind.AUTO_REPLY, "", ""),
        ("exchange-delayed", BounceKind.NONE, "fay@example.com", "4.4.7"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_each_system_is_understood_with_any_line_ends(
    name: str, kind: BounceKind, address: str, status: str, end: bytes
) -> None:
    told = read_bounce(sample(name).replace(b"\n", end))

    assert (told.kind, told.address, told.status) == (kind, address, status)
    assert told.token == TOKEN


@pytest.mark.parametrize(
    ("action", "status", "said", "kind"),
    [
        ("failed", "5.1.1", "", BounceKind.HARD),
        ("Failed", "5.1.1", "550 user unknown", BounceKind.HARD),
        ("failed (bad mailbox)", "5.1.1 (unknown)", "", BounceKind.HARD),
        ("error", "5.1.1", "", BounceKind.HARD),
        ("failed", "5.0.0", "550 No such user here", BounceKind.HARD),
        ("failed", "5.1.10", "RESOLVER.ADR.RecipientNotFound", BounceKind.HARD),
        (
            "failed",
            "5.4.1",
            "550 5.4.1 Recipient rejected: Access denied",
            BounceKind.HARD,
        ),
        ("failed", "5.2.1", "550 5.2.1 mailbox disabled", BounceKind.HARD),
        ("failed", "5.1.2", "Host unknown", BounceKind.HARD),
        ("failed", "", "550 5.1.1 user unknown", BounceKind.HARD),
        # It may pass, whatever the action says.
        ("failed", "4.4.7", "", BounceKind.SOFT),
        ("failed", "4.2.2", "mailbox full", BounceKind.SOFT),
        ("failed", "4.1.1", "450 4.1.1 user unknown", BounceKind.SOFT),
        ("failed", "5.0.0", "452 4.2.2 mailbox full", BounceKind.SOFT),
        ("failed", "5.0.0", "451 try again later", BounceKind.SOFT),
        ("failed", "5.4.7", "delivery time expired", BounceKind.SOFT),
        ("failed", "5.0.0", "retry timeout exceeded", BounceKind.SOFT),
        # The mailbox is there, but full.
        ("failed", "5.2.2", "", BounceKind.SOFT),
        ("failed", "5.0.0", "552 Quota exceeded", BounceKind.SOFT),
        ("failed", "5.5.0", "550 5.5.0 Postfach ist voll", BounceKind.SOFT),
        ("failed", "5.2.3", "message too large", BounceKind.SOFT),
        # It is us that they do not want.
        ("failed", "5.7.1", "550 5.7.1 message looks like spam", BounceKind.SOFT),
        ("failed", "5.7.26", "unauthenticated", BounceKind.SOFT),
        ("failed", "5.0.0", "554 blocked using an RBL: blocklist", BounceKind.SOFT),
        ("failed", "5.1.8", "sender address rejected", BounceKind.SOFT),
        ("failed", "5.6.0", "content", BounceKind.SOFT),
        # Nothing was lost.
        ("delayed", "4.4.1", "connection timed out", BounceKind.NONE),
        ("delayed", "5.1.1", "", BounceKind.NONE),
        ("relayed", "2.1.9", "", BounceKind.NONE),
        ("relayed", "5.0.0", "", BounceKind.NONE),
        ("delivered", "2.0.0", "", BounceKind.NONE),
        ("expanded", "2.0.0", "", BounceKind.NONE),
        ("failed", "2.0.0", "", BounceKind.NONE),
        # Cut off before it says that it is for good.
        ("", "5.1.1", "", BounceKind.SOFT),
        ("", "", "", BounceKind.NONE),
        ("failed", "", "", BounceKind.SOFT),
    ],
)
def test_only_a_failure_for_good_is_hard(
    action: str, status: str, said: str, kind: BounceKind
) -> None:
    assert read_bounce(dsn(action, status, said)).kind is kind


def test_of_several_recipients_the_one_that_fails_counts() -> None:
    more = (
        b"\nFinal-Recipient: rfc822; ben@example.org\nAction: failed\nStatus: 5.1.1\n"
    )
    raw = dsn("delivered", "2.0.0").replace(
        b"Status: 2.0.0\n", b"Status: 2.0.0\n" + more
    )

    assert read_bounce(raw).address == "ben@example.org"


def test_the_address_that_we_wrote_to_is_told_of_a_forwarded_mail() -> None:
    final = b"Final-Recipient: rfc822; "
    raw = dsn().replace(
        final, b"Original-Recipient: rfc822; anne@example.org\n" + final
    )

    assert read_bounce(raw.replace(final + b"anne", final + b"ben")).address == (
        "anne@example.org"
    )


@pytest.mark.parametrize(
    ("feedback", "kind"),
    [
        ("abuse", BounceKind.COMPLAINT),
        ("Fraud", BounceKind.COMPLAINT),
        ("virus", BounceKind.COMPLAINT),
        ("other", BounceKind.COMPLAINT),
        ("opt-out", BounceKind.COMPLAINT),
        ("not-spam", BounceKind.NONE),
        ("auth-failure", BounceKind.NONE),
        ("", BounceKind.NONE),
    ],
)
def test_a_feedback_report_is_a_complaint_unless_it_says_otherwise(
    feedback: str, kind: BounceKind
) -> None:
    assert read_bounce(complaint(feedback)).kind is kind


def test_hotmail_complains_in_a_form_of_its_own() -> None:
    raw = (
        b"From: staff@example.net\nSubject: complaint about message from 192.0.2.1\n"
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n"
        b"Content-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: anne@example.org\n"
        b"Message-ID: <" + TOKEN.encode() + b"@example.org>\n\nDear reader\n--x--\n"
    )

    told = read_bounce(raw)

    assert (told.kind, told.address, told.token) == (
        BounceKind.COMPLAINT,
        "anne@example.org",
        TOKEN,
    )


GONE = [
    "Delivery to the following recipient failed permanently:\n\n  anne@example.org",
    "550 5.1.1 <anne@example.org>: user unknown",
    "anne@example.org\nUnrouteable address",
    "Die Nachricht konnte nicht zugestellt werden.\n<anne@example.org>: Empfänger"
    " unbekannt",
    "Votre message n’a pas pu être remis à anne@example.org : destinataire inconnu",
    "No se ha podido entregar su mensaje a anne@example.org: usuario desconocido",
    "Não foi possível entregar a mensagem a anne@example.org.\nEndereço não encontrado",
    "Impossibile recapitare il messaggio a anne@example.org: utente sconosciuto",
    "Nie udało się dostarczyć wiadomości do anne@example.org.\nNie znaleziono adresu",
    "Не удалось доставить сообщение на anne@example.org: пользователь не найден",
    "次の宛先にメールを配信できませんでした。\nanne@example.org アドレス不明",
]

FOR_NOW = [
    "552 5.2.2 <anne@example.org>: mailbox full",
    "This is a permanent error. <anne@example.org>: 452 4.2.2 over quota",
    "Undeliverable: anne@example.org\nThe recipient's mailbox is full.",
    "Nicht zugestellt: anne@example.org. Das Postfach ist voll.",
    "Échec de la remise à anne@example.org : la boîte aux lettres pleine",
    "No se ha entregado a anne@example.org: el buzón está lleno",
    "Não foi entregue a anne@example.org: caixa de correio cheia",
    "Mancato recapito a anne@example.org: casella piena",
    "Nie dostarczono do anne@example.org: skrzynka jest pełna",
    "Не доставлено: anne@example.org, почтовый ящик переполнен",
    "anne@example.org に配信できませんでした。メールボックスがいっぱいです",
    "554 5.7.1 <anne@example.org>: rejected as spam",
    "Your message could not be delivered to anne@example.org.",
]

LATER = [
    "Your message to anne@example.org has been delayed. No action is required.",
    "anne@example.org: 450 4.1.1 user unknown. Delivery attempts will continue.",
    "Ihre Nachricht an anne@example.org wurde noch nicht zugestellt.",
    "Se ha retrasado la entrega a anne@example.org",
    "Доставка задерживается: anne@example.org",
    "anne@example.org への配信が遅延しています",
]


@pytest.mark.parametrize(
    ("text", "kind"),
    [(text, BounceKind.HARD) for text in GONE]
    + [(text, BounceKind.SOFT) for text in FOR_NOW]
    + [(text, BounceKind.NONE) for text in LATER],
)
def test_a_notice_in_prose_is_understood(text: str, kind: BounceKind) -> None:
    told = read_bounce(notice(text))

    assert told.kind is kind
    assert told.address in ("anne@example.org", "")
    assert told.address or kind is BounceKind.NONE


def test_words_of_the_enclosed_mail_say_nothing() -> None:
    text = (
        "<anne@example.org>: 452 4.2.2 over quota\n\n"
        "--- Below this line is a copy of the message.\n\n"
        "Subject: 550 5.1.1 user unknown\n"
    )

    assert read_bounce(notice(text)).status == "4.2.2"


@pytest.mark.parametrize(
    "subject",
    [
        "Out of office: Storm",
        "Automatic reply: Storm",
        "Re: Away from my desk",
        "Automatische Antwort: Storm",
        "Abwesenheitsnotiz",
        "Réponse automatique : Storm",
        "Respuesta automática: Storm",
        "Resposta automática: Storm",
        "Risposta automatica: Storm",
        "Autoodpowiedź: Storm",
        "Автоответ: Storm",
        "自動返信: Storm",
        "=?utf-8?b?6Ieq5YuV5b+c562U?=",
    ],
)
def test_a_vacation_note_never_counts(subject: str) -> None:
    text = "550 5.1.1 user unknown. old@example.org could not be delivered."
    for sender in ("erik@example.org", "postmaster@example.org"):
        told = read_bounce(notice(text, subject=subject, sender=sender))
        assert told.kind is BounceKind.AUTO_REPLY


@pytest.mark.parametrize(
    "mark",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (rejected)",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: Re",
    ],
)
def test_an_answer_that_says_it_is_one_never_counts(mark: str) -> None:
    raw = notice("user unknown", sender="erik@example.org", more=f"{mark}\n")

    assert read_bounce(raw).kind is BounceKind.AUTO_REPLY


@pytest.mark.parametrize(
    ("subject", "sender", "text"),
    [
        ("Re: Storm", "anne@example.org", "Thank you, well said."),
        ("Re: Undelivered Mail", "anne@example.org", "550 5.1.1 user unknown"),
        (
            "Fwd: failure notice",
            "anne@example.org",
            "Final-Recipient: x\nAction: failed",
        ),
        ("Please confirm your message", "anne@example.org", "Click here."),
        ("Please confirm your message", "postmaster@example.org", "550 no such user"),
        ("Weekly report", "postmaster@example.org", "All is well: 12 mails."),
        ("", "", ""),
    ],
)
def test_ordinary_mail_never_counts(subject: str, sender: str, text: str) -> None:
    assert (
        read_bounce(notice(text, subject=subject, sender=sender)).kind
        is BounceKind.NONE
    )


def test_a_bounce_that_somebody_forwards_is_an_ordinary_mail() -> None:
    raw = (
        b"From: anne@example.org\nSubject: What is this?\n"
        b"Content-Type: multipart/mixed; boundary=out\n\n--out\n"
        b"Content-Type: message/rfc822\n\n" + dsn() + b"\n--out--\n"
    )

    assert read_bounce(raw).kind is BounceKind.NONE


def test_a_receipt_is_an_answer() -> None:
    raw = dsn().replace(b"delivery-status", b"disposition-notification")
    raw = raw.replace(b"Subject: Undelivered Mail", b"Subject: Read: Storm")

    assert read_bounce(raw).kind is BounceKind.AUTO_REPLY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"--x--\n", b""),
        (b"--x\n", b"--x \t\n"),
        (b"boundary=x", b'boundary="x"'),
        (b"multipart/report", b"multipart/mixed"),
        (b"Return-Path: <>\n", b"From nobody Mon Mar  2 12:00:00 2026\n\n"[:-1]),
        (b"text/plain\n", b"text/plain; charset=klingon\n"),
        (b"text/plain\n", b"text/plain; charset=punycode\n"),
        (b"It did not work.", b"\xff\xfe\x00 \xe4\xf6\xfc"),
        (
            b"delivery-status\n\n",
            b"delivery-status\nContent-Transfer-Encoding: 8bit\n\n",
        ),
    ],
)
def test_a_badly_made_notification_is_read_all_the_same(
    before: bytes, after: bytes
) -> None:
    raw = dsn()
    assert before in raw

    assert read_bounce(raw.replace(before, after)).kind is BounceKind.HARD


@pytest.mark.parametrize(
    "head",
    [
        "To: b-{}@example.org",
        "Delivered-To: b-{}@example.org",
        "X-Original-To: <B-{}@example.org>".upper(),
        "Return-Path: <b-{}@example.org>",
        "Subject: x\n\nMessage-ID: <{}@example.org>",
    ],
)
def test_our_token_is_found_wherever_it_came_back(head: str) -> None:
    assert read_bounce(f"{head.format(TOKEN)}\n".encode()).token == TOKEN


@pytest.mark.parametrize(
    "text", [TOKEN, f"b-{TOKEN}", f"b-{TOKEN}0@example.org", f"xb-{TOKEN}@example.org"]
)
def test_what_only_looks_like_our_token_is_none(text: str) -> None:
    assert read_bounce(f"To: {text}\n\n".encode()).token == ""


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2000))
def test_no_mail_makes_it_stumble(noise: bytes, place: int) -> None:
    for name in ("postfix-unknown-user", "gmail-german", "arf-abuse-redacted"):
        raw = sample(name)
        read_bounce(raw[:place] + noise + raw[place:])
        read_bounce(raw[:place])


NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(500)
)


@pytest.mark.parametrize(
    "raw",
    [
        NESTED + b"a\n" * 500_000,
        b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n" * 200_000,
        b"Content-Type: multipart/mixed; boundary=x\n\n" + b"\n--x" + b" " * 1_000_000,
        notice("a" * 1_000_000),
        notice("The address to which the message has not yet\n" + "a@" * 500_000),
        notice("550 " + "5." * 500_000),
        notice("@" * 1_000_000),
        notice("Your message to:\n" + "a" * 500_000),
        notice("<" * 1_000_000, more="X-Type: text/html\n"),
        notice("Unable to deliver message to\n" + ("x" * 200 + "\n") * 5_000),
        dsn(said="550 " + "a" * 1_000_000),
        dsn(address="a" * 1_000_000),
        b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\n",
        b"a: b\n" * 200_000,
        b"From: " + b"(" * 200_000 + b"\n\n",
        b"From: MAILER-DAEMON\nX-Failed-Recipients: " + b"a@b.c, " * 50_000 + b"\n\n",
        b"To: b-" + b"a" * 1_000_000,
    ],
    ids=range(17),
)
def test_no_mail_takes_long(raw: bytes) -> None:
    begun = time.process_time()

    read_bounce(raw)

    assert time.process_time() - begun < 1


def test_there_is_a_test_for_each_sample() -> None:
    assert len(list(SAMPLES.glob("*.eml"))) == 7
