"""The live day: events over HTTP, a durable journal, decisions as they are made.

``dayfile`` keeps what a day begins with, ``journal`` keeps every event with its decisions in one transaction,
``engine`` folds and decides on one thread, ``web`` is its door. Importing this package imports no web framework.
"""
