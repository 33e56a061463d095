"""How the services run: on this machine (``local``), in containers, on a cluster."""
