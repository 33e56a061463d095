"""The whole system on one machine: embedded Redis and supervised processes."""
