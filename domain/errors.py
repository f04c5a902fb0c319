"""Errors whose message tells what is wrong and how to mend it."""


class FivefoldError(Exception):
    """Base of every error a user can cause; the CLI prints its message without a traceback."""


class InputError(FivefoldError):
    """Data or settings from outside break a rule: the message names file, row or field, and the rule."""


class MappingError(InputError):
    """A source mapping (``sources/*.yml``) cannot be used as it is."""


class PlanningError(FivefoldError):
    """A planning problem is malformed; the message names the field."""


class ModelError(FivefoldError):
    """A model file is missing, altered or from another version."""


class LakeError(FivefoldError):
    """The lake cannot be opened, read or written."""
