"""Engines: each turns a planning problem into sequences (vehicle id -> order ids). Times and prices are not theirs."""

RELOAD = ""
"""Stands in a sequence for the return to the depot between two trips."""

Sequences = dict[str, list[str]]
"""Vehicle id -> ids of the orders it serves, in sequence; ``RELOAD`` parts trips."""
