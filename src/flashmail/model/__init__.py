"""The nouns: one table each. Imports nothing else of flashmail."""

from flashmail.model.audit import AuditEntry
from flashmail.model.campaign import (
    Amends,
    Campaign,
    CampaignStatus,
    Link,
    Priority,
    StoredBrief,
)
from flashmail.model.consent import Consent, ConsentKind
from flashmail.model.delivery import (
    OPEN,
    Batch,
    BatchState,
    Delivery,
    DeliveryState,
)
from flashmail.model.draft import BriefDraft, BriefRevision, QuoteApproval
from flashmail.model.duty import Duty
from flashmail.model.engagement import ALL, EngagementTotal
from flashmail.model.event import ENGAGEMENT, Actor, Event, EventKind
from flashmail.model.figures import CampaignFigures, Crowd, Headcount
from flashmail.model.instance import Instance
from flashmail.model.knock import WAY_BACK, Farewell, Knock, KnockState, Salt
from flashmail.model.letter import MOVE, Letter, LetterState
from flashmail.model.link_check import LinkCheck, LinkState
from flashmail.model.lone import LoneApproval
from flashmail.model.owed import LeftOut, Owed, OwedState, Path
from flashmail.model.pace import Pace
from flashmail.model.rehearsal import Rehearsal
from flashmail.model.rhythm import Rhythm
from flashmail.model.schedule import Occurrence, OccurrenceStatus, Schedule
from flashmail.model.segment import StoredSegment
from flashmail.model.staff import FailedSignIn, Role, SignIn, Staff
from flashmail.model.subscriber import (
    LEFT,
    Frequency,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Suppression,
)
from flashmail.model.task import Task, TaskStatus
from flashmail.model.topic import Topic

__all__ = [
    "ALL",
    "ENGAGEMENT",
    "LEFT",
    "MOVE",
    "OPEN",
    "WAY_BACK",
    "Actor",
    "Amends",
    "AuditEntry",
    "Batch",
    "BatchState",
    "BriefDraft",
    "BriefRevision",
    "Campaign",
    "CampaignFigures",
    "CampaignStatus",
    "Consent",
    "ConsentKind",
    "Crowd",
    "Delivery",
    "DeliveryState",
    "Duty",
    "EngagementTotal",
    "Event",
    "EventKind",
    "FailedSignIn",
    "Farewell",
    "Frequency",
    "Headcount",
    "Instance",
    "Knock",
    "KnockState",
    "LeftOut",
    "Letter",
    "LetterState",
    "Link",
    "LinkCheck",
    "LinkState",
    "LoneApproval",
    "Occurrence",
    "OccurrenceStatus",
    "Owed",
    "OwedState",
    "Pace",
    "Path",
    "Priority",
    "QuoteApproval",
    "Rehearsal",
    "Rhythm",
    "Role",
    "Salt",
    "Schedule",
    "SignIn",
    "Staff",
    "StoredBrief",
    "StoredSegment",
    "Subscriber",
    "SubscriberStatus",
    "Subscription",
    "Suppression",
    "Task",
    "TaskStatus",
    "Topic",
]
