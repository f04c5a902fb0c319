"""Engines: each turns a planning problem into sequences (vehicle id -> order ids). Times and prices are not theirs."""

Sequences = dict[str, list[str]]
"""Vehicle id -> ids of the orders it serves, in sequence."""
