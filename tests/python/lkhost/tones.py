"""Makes tones and measures them. Levels are dB relative to a full-scale sine's peak amplitude of 1.0 (dBFS, as RMS)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np


@dataclass
class Tone:
    """What one channel sounds like: its strongest frequency (Hz), its level (dBFS RMS), and the share of the
    power that lies within 4 % of that frequency (1.0 = a pure tone)."""

    frequency: float
    level: float
    purity: float

    def as_dict(self) -> dict[str, float]:
        return {key: round(value, 3) for key, value in asdict(self).items()}


def sine_level(amplitude: float) -> float:
    """The RMS level in dBFS of a sine of this peak amplitude (0..1)."""
    return 20 * math.log10(amplitude / math.sqrt(2))


class Oscillator:
    """A sine per channel whose phase runs on from block to block, also across changes of frequency or amplitude."""

    def __init__(self, frequencies: list[float], amplitude: float, rate: int) -> None:
        self.frequencies = frequencies
        self.amplitude = amplitude
        self.rate = rate
        self._phase = np.zeros(len(frequencies))

    def block(self, samples: int) -> bytes:
        """The next `samples` per channel as interleaved 16-bit PCM."""
        step = 2 * np.pi * np.asarray(self.frequencies) / self.rate
        phases = self._phase + np.arange(samples)[:, None] * step
        self._phase = np.mod(self._phase + samples * step, 2 * np.pi)
        return np.round(np.sin(phases) * self.amplitude * 32767).astype("<i2").tobytes()


def measure(samples: np.ndarray, rate: int) -> Tone:
    """Measures one channel of 16-bit samples; silence has frequency 0 and level -120."""
    x = samples.astype(np.float64) / 32768
    rms = math.sqrt(float(np.mean(x * x))) if len(x) else 0.0
    if rms < 1e-6:
        return Tone(0.0, -120.0, 0.0)
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    power[: max(2, int(20 * len(x) / rate))] = 0  # below hearing: DC and its leakage
    peak = int(np.argmax(power))
    offset = 0.0
    if 0 < peak < len(power) - 1 and power[peak - 1] > 0 and power[peak + 1] > 0:
        # The logarithm of a windowed sine's peak is close to a parabola: its vertex lies between the bins.
        left, middle, right = np.log(power[peak - 1 : peak + 2])
        offset = 0.5 * (left - right) / (left - 2 * middle + right)
    width = max(3, int(peak * 0.04))
    total = float(power.sum())
    purity = float(power[max(0, peak - width) : peak + width + 1].sum()) / total if total > 0 else 0.0
    return Tone((peak + offset) * rate / len(x), 20 * math.log10(rms), purity)
