"""Readers to measure with: everybody follows News and four of 49 other topics."""

from datetime import UTC, datetime

from sqlalchemy import Engine, text

#: Followed by everybody.
NEWS = "News"

TOPICS = (NEWS, *(f"Topic {number}" for number in range(2, 51)))

NUMBERS = """
    WITH RECURSIVE number(n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count
    )
"""

SUBSCRIBERS = f"""
    INSERT INTO subscriber (id, address, key, name, status, time_zone, language,
                            attributes, created_at)
    {NUMBERS}
    SELECT n, 'reader' || n || '@example.org', 'reader' || n || '@example.org',
           'Reader ' || n, 'active', '', '', '{{}}', :now
    FROM number
"""

SUBSCRIPTIONS = """
    INSERT INTO subscription (subscriber_id, topic_id, frequency)
    SELECT id, CASE k WHEN 0 THEN 1 ELSE 2 + (id * 31 + k * 12) % 49 END, 'instant'
    FROM subscriber,
         (SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
          UNION ALL SELECT 4) AS place
"""

#: People who left, and of whom nothing else is known any more.
SUPPRESSIONS = f"""
    INSERT INTO suppression (key, reason, since, detail)
    {NUMBERS}
    SELECT 'left' || n || '@example.org', 'unsubscribed', :now, '' FROM number
"""


def fill(engine: Engine, readers: int) -> None:
    """Fill empty tables."""
    now = datetime.now(UTC)
    values = {"count": readers, "now": now}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO topic (id, name, slug, private, retired)"
                " VALUES (:id, :name, :slug, false, false)"
            ),
            [
                {"id": number, "name": name, "slug": f"topic-{number}"}
                for number, name in enumerate(TOPICS, start=1)
            ],
        )
        connection.execute(text(SUBSCRIBERS), values)
        connection.execute(text(SUBSCRIPTIONS))
        few = max(1, readers * 3 // 100)
        connection.execute(text(SUPPRESSIONS), {"count": few, "now": now})
    if engine.dialect.name == "postgresql":
        # Its own housekeeping would have done so within a minute.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as made:
            made.execute(text("VACUUM ANALYZE"))
