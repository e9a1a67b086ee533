"""SendGrid's side of the event webhook: bodies in its form, signed with its key."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TIMESTAMP = "1772452800"


class Webhook:
    """An account's key pair, and posts as SendGrid signs them."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def body(self, event: str, token: str, **told: Any) -> bytes:
        report = {
            "event": event,
            "email": "somebody@example.org",
            "fm_delivery": token,
            "sg_event_id": f"{event}-{token[:16]}",
            "timestamp": int(TIMESTAMP),
        }
        return json.dumps([report | told]).encode()

    def headers(self, body: bytes, timestamp: str = TIMESTAMP) -> dict[str, str]:
        signed = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }
