"""What is done about it while the day moves: predicted times, the rest of the day as a problem, repairs, tenders.

Pure functions of a ``DayState``; ``operations.decide`` calls them. Money decides: what a change saves is held against
what it costs to move orders that customers and drivers count on.
"""
