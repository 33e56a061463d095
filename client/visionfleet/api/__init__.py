"""The operations of both clients: one file per group. Adding a group is adding a file and a line in client.py."""
