"""What several packages' tests share is importable everywhere: ``virtual_run`` (whole scenarios in virtual time) and
``aws_frames`` (what an AWS event stream is made of)."""

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "engine"))
sys.path.insert(0, str(Path(__file__).parent / "wire"))

# A busy machine is no failure: speed is measured in benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A calibration of the machine that the tests run on must not show in what they see.
os.environ["XDG_STATE_HOME"] = os.devnull
