"""Multi-object tracking: which box of this frame is which box of the last one. Boxes in, track ids out."""
