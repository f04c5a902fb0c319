"""The day of operation: what is owed, what is happening, what is done about it and what the customer is told.

``ledger`` and ``kpis`` (money and measures), ``tariffs`` (contracts), ``state`` and ``decide`` (the day from events),
``interventions`` (what can be done about a risk), ``messages`` (what is said, to whom, when). Pure functions decide;
stores and channels are protocols (``ports``) that ``orchestration`` implements. No framework, no lake, no clock.
"""
