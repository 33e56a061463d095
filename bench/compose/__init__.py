"""The containers of compose.yaml, driven as a user would; ``script/test-compose`` runs it."""
