"""Transactional mails: to staff, and to people that ask for something by a form."""
