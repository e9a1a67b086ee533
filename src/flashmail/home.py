"""A home: the folder with an installation's own files, and what stands in for them.

What a home lacks is taken from the files that travel inside the package.
"""

import os
import secrets
from pathlib import Path

from flashmail.settings import DispatchName, load

TOPICS, SEGMENTS = "topics.toml", "segments.toml"


def packaged(name: str) -> Path:
    """Return a file or folder that travels with flashmail, in a wheel or a checkout."""
    here = Path(__file__).parent
    inside = here / "packaged" / name
    return inside if inside.exists() else here.parents[1] / name


def own(home: Path, name: str) -> Path:
    """Return the home's own file or folder, or the packaged one where it has none."""
    mine = home / name
    return mine if mine.exists() else packaged(name)


def initialise(home: Path) -> list[Path]:
    """Make whatever a home still lacks; return the files that were made.

    Nothing that is there is changed, but the tables are brought up to date.
    """
    # Only here: whatever finds a file of the home needs no tables.
    from flashmail import migrations
    from flashmail.database import connect

    made = []
    (home / "subscribers").mkdir(parents=True, exist_ok=True)
    if not (home / ".env").exists():
        made.append(_write_env(home / ".env"))
    for name in (TOPICS, SEGMENTS):
        mine = home / "subscribers" / name
        if not mine.exists():
            mine.write_bytes((packaged("subscribers") / name).read_bytes())
            made.append(mine)
    settings = load(home)
    connected = connect(settings.database)
    migrations.upgrade(connected)
    if settings.dispatch is DispatchName.PROCRASTINATE:
        # Optional, and slow to load.
        from flashmail.delivery import dispatch_procrastinate

        dispatch_procrastinate.prepare(connected)
    return made


def _write_env(path: Path) -> Path:
    key = "FLASHMAIL_SECRET_KEY="
    example = packaged(
        "env.example" if packaged("env.example").exists() else ".env.example"
    )
    text = example.read_text().replace(key + "\n", f"{key}{secrets.token_hex(32)}\n")
    # Made unreadable for others before the secret is in it.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return path
