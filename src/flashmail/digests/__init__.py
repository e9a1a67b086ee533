"""When: the calendar, and the planner of what each reader is owed."""
