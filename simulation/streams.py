"""Random streams by name: a draw added in one place moves nothing elsewhere (common random numbers).

Two kinds. ``stream`` is a generator for what is drawn in one go. ``uniforms`` and ``normals`` give one draw to each
entity: the value of a key depends on the seed, the names and the key alone, not on its position, on how many others
are drawn, or on the process that draws it. Two policies therefore meet the same customers, traffic and weather.

The counter-based generator is SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014)
applied twice to a key offset by 128 bits of SHA-256 over the names.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_A30, _A27, _A31, _A11 = (np.uint64(bits) for bits in (30, 27, 31, 11))


def _digest(seed: int, names: tuple[object, ...]) -> bytes:
    return hashlib.sha256("\x1f".join(map(str, (seed, *names))).encode()).digest()


def stream(seed: int, *names: object) -> np.random.Generator:
    """A generator that depends on ``seed`` and the names only, the same on every machine and run."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, names)[:16], "little")))


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    value = (value ^ (value >> _A30)) * _FIRST
    value = (value ^ (value >> _A27)) * _SECOND
    return value ^ (value >> _A31)


def uniforms(seed: int, *names: object, keys: Integers | int) -> Floats:
    """One uniform draw in the open interval (0, 1) for each key: an array of as many, whatever their order.

    ``keys`` may be a count, which stands for 0 .. count - 1.
    """
    numbers = np.arange(keys, dtype=np.int64) if isinstance(keys, int) else np.asarray(keys, dtype=np.int64)
    digest = _digest(seed, names)
    low, high = (np.uint64(int.from_bytes(digest[at : at + 8], "little")) for at in (0, 8))
    with np.errstate(over="ignore"):
        mixed = _mix(_mix((numbers.astype(np.uint64) + low) * _GOLDEN) + high)
    return ((mixed >> _A11).astype(np.float64) + 0.5) * 2.0**-53


def normals(seed: int, *names: object, keys: Integers | int) -> Floats:
    """One standard normal draw for each key, by inversion: it rises with the uniform of the same name and key."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniforms(seed, *names, keys=keys)))


def whole(seed: int, *names: object, keys: Integers | int, low: int, high: int) -> Integers:
    """One whole number of ``low .. high - 1`` for each key."""
    return (low + np.floor(uniforms(seed, *names, keys=keys) * (high - low))).astype(np.int64)


def poissons(seed: int, *names: object, keys: Integers | int, mean: Floats | float) -> Integers:
    """One Poisson count for each key by inversion (means up to some tens)."""
    chance = uniforms(seed, *names, keys=keys)
    mean = np.broadcast_to(np.asarray(mean, dtype=np.float64), chance.shape)
    term = np.exp(-mean)
    total, count = term.copy(), np.zeros(chance.shape, dtype=np.int64)
    for number in range(1, 200):
        above = chance > total
        if not above.any():
            break
        count += above
        term = term * mean / number
        total = total + term
    return count
