"""Carry mail to an SMTP server (RFC 5321), as fast as it takes it."""

from flashmail.transports.smtp.settings import SmtpSettings, Timeouts, Tls
from flashmail.transports.smtp.transport import Smtp

__all__ = ["Smtp", "SmtpSettings", "Timeouts", "Tls"]
