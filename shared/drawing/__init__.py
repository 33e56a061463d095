"""Answers drawn onto pictures. Knows no service: every one of them may use it."""
