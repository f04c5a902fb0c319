"""Decisions of a planned date taken from the lake, recorded with their messages, and brought back to it as a trail."""
