"""What several packages' tests share: ``virtual_run`` (whole scenarios in virtual time) is importable everywhere."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "engine"))

# A calibration of the machine that the tests run on must not show in what they see.
os.environ["XDG_STATE_HOME"] = os.devnull
