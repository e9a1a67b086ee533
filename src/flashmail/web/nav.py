"""The way around the newsroom: what stands in the menu, and who sees it."""

from dataclasses import dataclass

from flashmail.model import Role


@dataclass(frozen=True)
class Entry:
    """A line of the menu; it leads to a path and stands for all below it."""

    path: str
    name: str
    role: Role = Role.VIEWER

    def covers(self, path: str) -> bool:
        return path == self.path or (
            self.path != "/" and path.startswith(self.path + "/")
        )


#: In the order of the path: write, send, choose, look after.
MENU = (
    Entry("/", "Overview"),
    Entry("/briefs", "Briefs"),
    Entry("/campaigns", "Campaigns"),
    Entry("/subscribers", "Subscribers"),
    Entry("/segments", "Segments"),
    Entry("/topics", "Topics"),
    Entry("/outbox", "Outbox"),
    Entry("/staff", "Staff", Role.ADMIN),
    Entry("/audit", "Audit log", Role.ADMIN),
)


def menu(role: Role | None) -> list[Entry]:
    """Return what somebody of a role sees; who sits at the machine sees everything."""
    return [each for each in MENU if role is None or role.covers(each.role)]
