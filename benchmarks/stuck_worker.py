"""A worker of a home that says when it has mail in hand, and then hangs.

`python -m benchmarks.stuck_worker HOME`
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from flashmail import bootstrap
from flashmail.message import Message
from flashmail.settings import load
from flashmail.transports import Arm, Receipt, Recipient


class Stuck:
    """A transport whose server never answers."""

    batch_size = 500
    arms_singly = True

    async def send(
        self, message: Message, recipients: Sequence[Recipient], arm: Arm
    ) -> list[Receipt]:
        print("sending", flush=True)  # noqa: T201 - for the parent
        await asyncio.get_running_loop().create_future()
        return []

    async def close(self) -> None:
        pass


def main(home: Path) -> None:
    settings = load(home)
    worker = bootstrap.worker(settings, bootstrap.engine(settings))
    worker.transport = Stuck()
    asyncio.run(worker.run(asyncio.Event()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
