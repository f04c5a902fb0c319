"""Channels: each takes one message to one address and says whether it was accepted, refused or unclear.

A channel never raises for what a receiver does, never follows a redirect, never waits past its deadline and reads no
more of an answer than it needs.
"""

from orchestration.messaging.channels.base import Address, Channel, Envelope

__all__ = ["Address", "Channel", "Envelope"]
"""The protocol of channels is in ``base``; ``folder``, ``smtp``, ``webhook`` and ``services`` implement it."""
