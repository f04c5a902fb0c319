"""The closed loop over the lake: learned parameters, their lineage, trajectories, evidence, backfills, scorecards.

Nothing here decides: it reads rows as of a moment, calls ``models`` and ``operations``, and writes rows.
"""
