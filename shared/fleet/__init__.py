"""What the fleet tells of itself in Redis: its workers, the models they can serve, the queues."""
