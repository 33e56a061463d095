"""Cameras and video files in, frames as jobs out to the workers, results in order to the sinks."""

VERSION = "0.1.0"
