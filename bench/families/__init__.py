"""How long each model family takes around its network, beside the reference implementations."""
