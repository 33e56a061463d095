"""What Prometheus is told: the fleet's figures, by whoever serves them."""
