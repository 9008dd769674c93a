"""What several packages' tests share: ``virtual_run`` (whole scenarios in virtual time) is importable everywhere."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "engine"))
