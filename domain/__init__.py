"""The vocabulary of last-mile delivery: plain, frozen, typed values.

Nothing here imports another room or a framework. Units are part of every name (``_s`` seconds,
``_m`` metres, ``_g`` grams, ``_ml`` millilitres, ``_minor`` minor currency units); times are aware
UTC datetimes unless a name ends in ``_s``.
"""
