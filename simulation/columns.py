"""Columns made from arrays without a Python object a row: ids from numbers, texts from codes, times from seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from simulation.streams import Integers


def numbered(prefix: str, numbers: Integers, digits: int, suffix: str = "") -> pd.api.extensions.ExtensionArray:
    """``prefix`` + number with leading zeros + ``suffix``, as a text column."""
    return pd.array(numbered_arrow(prefix, numbers, digits, suffix), dtype="str")


def numbered_arrow(prefix: str, numbers: Integers, digits: int, suffix: str = "") -> pa.Array:
    """The same as an Arrow array: the characters are written into one buffer."""
    head, tail = prefix.encode(), suffix.encode()
    width = len(head) + digits + len(tail)
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    letters[:, : len(head)] = np.frombuffer(head, np.uint8)
    letters[:, len(head) + digits :] = np.frombuffer(tail, np.uint8)
    rest = numbers.astype(np.int64)
    for place in range(len(head) + digits - 1, len(head) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, place] = 48 + digit
    offsets = np.arange(len(numbers) + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(letters))


def coded(names: Sequence[str | None] | npt.NDArray[np.object_], codes: Integers) -> pd.api.extensions.ExtensionArray:
    """``names[code]`` as a text column; a code of -1 is null."""
    values = pa.array(list(names), type=pa.large_string())
    taken = values.take(pa.array(codes, mask=codes < 0))
    return pd.array(taken, dtype="str")


def texts(array: pa.Array, rows: Integers) -> pd.api.extensions.ExtensionArray:
    """``array[row]`` as a text column; a row of -1 is null."""
    return pd.array(array.take(pa.array(rows, mask=rows < 0)), dtype="str")


def moments(origin: pd.Timestamp, seconds: Integers, missing: npt.NDArray[np.bool_] | None = None) -> pd.DatetimeIndex:
    """``origin`` (UTC) plus whole seconds as a time column, null where ``missing``."""
    micros = np.int64(origin.timestamp() * 1_000_000) + seconds.astype(np.int64) * 1_000_000
    stamps = micros.astype("datetime64[us]")
    if missing is not None:
        stamps[missing] = np.datetime64("NaT")
    return pd.DatetimeIndex(stamps, tz="UTC")
