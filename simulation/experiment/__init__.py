"""Are five drivers together worth more than their parts? The factorial experiment that measures it in the twin.

================  =====================================================================================================
module            what it does
================  =====================================================================================================
``arms``          the five switches: 32 arms and the unintegrated one
``effects``       pure: effects, interactions, Shapley values, S, from the value of every set of drivers
``resampling``    pure: intervals by resampling seeds and weeks of days, the same draw for every arm
``planted``       worlds whose truth is known, which the analysis must recover
``registration``  what was fixed before the first run, with its hash
``belief``        what an operation believes: travel, doors, risks, acceptance; learned or frozen
``kernels``       compiled planning: rules and tariffs in one objective, or assign, filter, sequence
``planning``      from belief and orders to the plan of a day
``evening``       interventions and messages of the evening before
``running``       decisions of the running day
``day``           a day of an arm: planned, played, accounted for, learned from
``worlds``        an arm in a world: burn-in, then scored days
``runner``        arms and seeds in parallel, resumable
``report``        tables, plots and a page
================  =====================================================================================================

Nothing here gives a driver its benefit: decisions are taken from belief, and the twin's hidden truth answers.
"""
