"""What this machine can measure, and how exactly: found by ``llmload calibrate``, used by every run after it.

``stored()`` gives the calibration of this machine, or None; ``Calibration.capacity`` what one worker can do.
"""

from llmload.calibration.calibration import Calibration, Step
from llmload.calibration.store import Stored, look_up, save, stored
from llmload.metrics.precision import DEFAULT_CAPACITY, Capacity, Pace

__all__ = ["DEFAULT_CAPACITY", "Calibration", "Capacity", "Pace", "Step", "Stored", "look_up", "save", "stored"]
