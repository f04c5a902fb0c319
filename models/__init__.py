"""Drivers 3, 4 and 5, the predictors: state of entities, exception and ETA models, online layer, registry, evaluation.

Works on frames and arrays; knows no lake, no schedule, no command line. Nothing here sees a label before the moment it
was known.
"""
