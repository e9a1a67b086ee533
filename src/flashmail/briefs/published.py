"""A brief as it is published: text without markup, understood by its shape."""

from flashmail.briefs.body import read_body
from flashmail.briefs.brief import Brief
from flashmail.briefs.head import read_head
from flashmail.briefs.lines import read_lines
from flashmail.briefs.tail import read_tail
from flashmail.briefs.topics import Vocabulary
from flashmail.briefs.wrapped import unwrapped


def read_published(text: str, vocabulary: Vocabulary) -> Brief:
    """Read head, tail and what is between; doubt whatever is not clear."""
    head = read_head(read_lines(text))
    tail = read_tail(unwrapped(head.rest), vocabulary)
    body = read_body(tail.rest)
    return Brief(
        title=head.title,
        date=head.date,
        sections=body.sections,
        quotes=body.quotes,
        related=(*body.related, *tail.related),
        topics=tuple(tail.topics),
        doubts=(*head.doubts, *body.doubts, *tail.doubts),
    )
