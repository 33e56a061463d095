"""What scaling by the backlog in seconds gives and costs, beside pools of a fixed size: a simulation."""
