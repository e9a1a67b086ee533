"""The doctor: what keeps mail from being sent or believed is found, and said."""

import json
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_httpserver import HTTPServer

from flashmail.doctor import CheckLevel, Installation, dns_records, examine
from flashmail.doctor import checks as ways
from flashmail.doctor import domain as names
from flashmail.doctor.dns_records import recorded
from flashmail.transports.smtp import SmtpSettings
from peers.smtp import SmtpPeer
from shell import Home

Records = dict[str, dict[str, Any]]


def key(bits: int = 2048) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(raw).decode()}"


KEY = key()


def healthy(**changes: dict[str, Any]) -> Records:
    """A domain that does all that the large mailbox providers ask for."""
    return {
        "example.org": {"TXT": ["v=spf1 include:spf.example.net ~all"], "MX": ["mx."]},
        "spf.example.net": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
        "s1._domainkey.example.org": {"TXT": [KEY]},
        "_dmarc.example.org": {"TXT": ["v=DMARC1; p=none; rua=mailto:d@example.org"]},
    } | changes


def verdicts(records: Records, bounces: str = "example.org") -> dict[str, str]:
    checks = names.believed(recorded(records), "example.org", bounces, ())
    return {check.name: check.verdict for check in checks}


def found(records: Records, name: str, *selectors: str) -> str:
    checks = names.believed(recorded(records), "example.org", "example.org", selectors)
    return next(f"{each.found} {each.remedy}" for each in checks if each.name == name)


def test_a_healthy_domain_has_nothing_to_mend() -> None:
    assert set(verdicts(healthy()).values()) == {CheckLevel.GOOD}


def test_a_bare_domain_is_told_what_to_add() -> None:
    assert verdicts({}) == {
        "SPF": "wrong",
        "DKIM": "doubtful",
        "DMARC": "wrong",
        "bounces": "wrong",
        "BIMI": "good",
    }
    assert "TXT record" in found({}, "SPF")
    assert "_dmarc.example.org" in found({}, "DMARC")


@pytest.mark.parametrize(
    ("record", "verdict", "said"),
    [
        ("v=spf1 mx -all", "good", "1 look-ups"),
        ("v=spf1 ip4:192.0.2.1 +all", "doubtful", "vouches for all"),
        ("v=spf1 ip4:192.0.2.1", "doubtful", "ends with nothing"),
        ("v=spf1 include:nowhere.example -all", "wrong", "has no SPF record"),
        ("v=spf1 include:example.org -all", "wrong", "includes itself"),
        ("v=spf1 " + "a:a.example " * 11 + "-all", "wrong", "takes 11 look-ups"),
        ("v=spf1 a:x.example a:y.example a:z.example -all", "wrong", "3 of its names"),
        ("v=spf1 exists:%{i}.example -all", "good", "1 look-ups"),
    ],
)
def test_spf_keeps_within_its_limits(record: str, verdict: str, said: str) -> None:
    records = healthy(
        **{
            "example.org": {"TXT": ["other", record], "MX": ["mx."]},
            "a.example": {"A": ["192.0.2.1"]},
        }
    )

    assert verdicts(records)["SPF"] == verdict
    assert said in found(records, "SPF")


def test_a_chain_of_includes_counts_each_link() -> None:
    chain = {
        f"{n}.example": {"TXT": [f"v=spf1 include:{n + 1}.example -all"]}
        for n in range(1, 12)
    }
    chain["12.example"] = {"TXT": ["v=spf1 -all"]}

    assert dns_records.follow(recorded(chain), "1.example").lookups == 11


def test_two_records_are_one_too_many() -> None:
    records = healthy(**{"example.org": {"TXT": ["v=spf1 -all", "v=spf1 ~all"]}})

    assert "2 SPF records" in found(records, "SPF")


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        (KEY, "good"),
        (key(1024), "doubtful"),
        ("v=DKIM1; p=", "doubtful"),  # revoked: as if there were none
        ("v=DKIM1; p=nonsense!", "wrong"),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "good"),
    ],
)
def test_a_key_is_long_enough(record: str, verdict: str) -> None:
    records = healthy(**{"s1._domainkey.example.org": {"TXT": [record]}})

    assert verdicts(records)["DKIM"] == verdict


def test_a_named_selector_without_a_key_is_wrong() -> None:
    assert "no key at mine" in found(healthy(), "DKIM", "mine")


@pytest.mark.parametrize(
    ("domain", "other", "strict", "expected"),
    [
        ("example.org", "example.org", True, True),
        ("example.org", "mail.example.org", False, True),
        ("example.org", "mail.example.org", True, False),
        ("news.example.co.uk", "example.co.uk", False, True),
        ("example.co.uk", "other.co.uk", False, False),
        ("example.org", "example.com", False, False),
    ],
)
def test_alignment(domain: str, other: str, strict: bool, expected: bool) -> None:
    assert dns_records.aligned(domain, other, strict=strict) is expected


def test_a_subdomain_has_the_policy_of_its_organisation() -> None:
    zone = recorded({"_dmarc.example.co.uk": {"TXT": ["v=DMARC1; p=reject; sp=none"]}})

    policy = dns_records.policy_of(zone, "news.example.co.uk")

    assert policy
    assert (policy.domain, policy.policy) == ("example.co.uk", "none")


def test_bounces_at_a_stranger_are_not_in_line() -> None:
    records = healthy(
        **{"bounces.example.net": {"TXT": ["v=spf1 -all"], "MX": ["mx."]}}
    )

    assert verdicts(records, "bounces.example.net")["DMARC"] == "doubtful"


def test_silent_name_servers_are_no_verdict() -> None:
    records = healthy(**{"_dmarc.example.org": {"TXT": None}})

    assert verdicts(records)["DMARC"] == "doubtful"
    assert "did not answer" in found(records, "DMARC")


def test_a_logo_needs_a_policy() -> None:
    records = healthy(**{"default._bimi.example.org": {"TXT": ["v=BIMI1; l=https://"]}})

    assert verdicts(records)["BIMI"] == "doubtful"


def test_a_free_mailbox_is_no_sender() -> None:
    assert names.from_address("gmail.com").verdict is CheckLevel.WRONG


def patient(home: Path, **changes: Any) -> Installation:
    known: dict[str, Any] = {
        "home": home,
        "sender": "example.org",
        "bounces": "example.org",
        "base_url": "https://mail.example.org",
        "ways": (),
        "leaves": True,
    }
    return Installation(**(known | changes))


def test_secrets_that_others_can_read_are_wrong(tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0o644)
    (tmp_path / ".env").chmod(0o644)

    checks = examine(patient(tmp_path), recorded(healthy()))

    assert [each.name for each in checks if each.verdict is CheckLevel.WRONG] == [
        "home"
    ]


def test_links_without_tls_are_wrong(tmp_path: Path) -> None:
    sick = patient(tmp_path, base_url="http://mail.example.org")

    assert examine(sick, recorded(healthy()))[1].verdict is CheckLevel.WRONG


def test_nobody_is_asked_about_mail_that_stays_here(tmp_path: Path) -> None:
    checks = examine(patient(tmp_path, leaves=False), recorded({}))

    assert {each.name for each in checks} == {"home", "links", "digests"}


def test_a_mail_server_is_tried_without_sending() -> None:
    authority = trustme.CA()
    here = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(here)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with SmtpPeer(tls="starttls", context=here, login=("edna", "right")) as peer:
        for password, verdict in (("right", "good"), ("wrong", "wrong")):
            url = f"smtp://edna:{password}@127.0.0.1:{peer.port}?starttls=required"
            check = ways.smtp(SmtpSettings.parse(url), trust)
            assert check.verdict == verdict
            assert password not in check.found or password == "wrong"
        strangers = ways.smtp(SmtpSettings.parse(url))

    assert strangers.verdict is CheckLevel.WRONG
    assert "certificate" in strangers.found
    assert peer.messages == []


def test_a_server_without_pipelining_is_slow() -> None:
    with SmtpPeer(pipelining=False) as peer:
        check = ways.smtp(SmtpSettings.parse(f"smtp://127.0.0.1:{peer.port}"))

    assert check.verdict is CheckLevel.DOUBTFUL


def test_nobody_there_is_said() -> None:
    check = ways.smtp(SmtpSettings.parse("smtp://127.0.0.1:1"))

    assert check.verdict is CheckLevel.WRONG
    assert "FLASHMAIL_SMTP_URL" in check.remedy


@pytest.mark.parametrize(
    ("scopes", "verdict"),
    [
        (["mail.send", "2fa_required"], "good"),
        (["mail.send", "api_keys.create"], "doubtful"),
        (["stats.read"], "wrong"),
    ],
)
def test_a_key_may_send_and_little_else(
    httpserver: HTTPServer, scopes: list[str], verdict: str
) -> None:
    httpserver.expect_request(
        "/v3/scopes", headers={"Authorization": "Bearer SG.x"}
    ).respond_with_json({"scopes": scopes})

    assert ways.sendgrid(httpserver.url_for(""), "SG.x").verdict == verdict


def test_a_key_that_nobody_knows_is_wrong(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v3/scopes").respond_with_data("", status=401)

    check = ways.sendgrid(httpserver.url_for(""), "SG.secret")

    assert check.verdict is CheckLevel.WRONG
    assert "secret" not in f"{check}"


def test_an_answer_that_is_none_is_wrong(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v3/scopes").respond_with_data("<html>")

    assert ways.sendgrid(httpserver.url_for(""), "k").verdict is CheckLevel.WRONG


def test_the_command_says_what_is_wrong(home: Home) -> None:
    zone = home.file("zone.json", json.dumps({}))

    assert "good" in home.run("doctor", "--zone", zone)

    (home.folder / ".env").chmod(0o644)
    checks = home.run("doctor", "--json", "--zone", zone, status=3)
    assert "home" in checks
