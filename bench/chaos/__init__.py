"""Every promise about jobs under faults: clients, nemeses, a history of what was seen, and a checker that reads it."""
