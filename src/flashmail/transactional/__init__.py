"""Single mails: to staff, and to those who ask for something by a form."""
