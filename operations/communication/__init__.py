"""What a customer is told, when and in which words: triggers with their guards, templates, and the linter of texts.

``decide(told, sighting, preferences, rules)`` is pure: a day that is replayed decides the same messages, with the same
keys. ``compose`` puts a decision into words. Nothing here sends.
"""

from operations.communication.compose import compose
from operations.communication.policy import Preferences, Rules
from operations.communication.triggers import Held, Notice, Sighting, Told, decide

__all__ = ["Held", "Notice", "Preferences", "Rules", "Sighting", "Told", "compose", "decide"]
