"""The audio expert: log-mel frames."""

from functools import lru_cache

import numpy as np

from .decode import RATE

MELS, PER_SECOND = 64, 10
SILENT = 1e-3  # a sound track whose loudest sample is below this (-60 dB of full scale) is absent


def mel_corners(mels: int = MELS, rate: int = RATE) -> np.ndarray:
    """(mels + 2,) Hz, evenly spaced in mel from 50 Hz to half the rate: band i rises from i, peaks at i + 1."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (50, rate / 2))
    return 700 * (10 ** (np.linspace(low, high, mels + 2) / 2595) - 1)


@lru_cache(maxsize=8)
def _mel_bank(mels: int, rate: int, size: int) -> np.ndarray:
    """(size // 2 + 1, mels) triangular filters, each 1 at its top."""
    corner = mel_corners(mels, rate)
    hertz = np.arange(size // 2 + 1)[:, None] * rate / size
    rising = (hertz - corner[:-2]) / (corner[1:-1] - corner[:-2])
    falling = (corner[2:] - hertz) / (corner[2:] - corner[1:-1])
    return np.minimum(rising, falling).clip(0)


def audio(
    samples: np.ndarray | None, rate: int = RATE, mels: int = MELS, per_second: int = PER_SECOND
) -> np.ndarray | None:
    """Log-mel frames of a sound, (frames, mels) float32; None without ``samples``, or if none reaches 0.001: silence.

    ``samples`` are (S,) floats between -1 and 1, ``rate`` of them per second. Windows of 32 ms, one every 10 ms, are
    averaged to ``per_second``. The unit is 80 dB: 1 is a tone as loud as the format allows, 0 is 80 dB lower or more.
    """
    if samples is None or not len(samples) or np.abs(samples).max() < SILENT:
        return None
    window, hop = round(0.032 * rate), round(0.01 * rate)
    size = 1 << (2 * window - 1).bit_length()  # twice the window: even the lowest, narrowest filters hold a bin
    hann = np.hanning(window + 1)[:-1]
    count = -(-len(samples) // hop)
    samples = np.pad(samples, (window // 2, window))
    strips = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop][:count]
    power = np.abs(np.fft.rfft(strips * hann, size)) ** 2 / (hann.sum() / 2) ** 2
    power = power @ _mel_bank(mels, rate, size)
    group = max(round(100 / per_second), 1)
    starts = np.arange(0, len(power), group)
    mean = np.add.reduceat(power, starts) / np.diff(np.append(starts, len(power)))[:, None]
    return (10 * np.log10(mean + 1e-12) / 80 + 1).clip(0).astype(np.float32)
