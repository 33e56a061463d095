"""Pure functions on pixels and boxes that the families share."""
