"""Models from elsewhere: https with sha256, anything that fsspec knows, Roboflow's endpoints; stored in one step."""
