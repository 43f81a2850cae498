"""What a sweep has written down."""

import json
from pathlib import Path
from typing import Any


def state(folder: str = "sweeps/plane") -> Any:
    """The document in its folder."""
    return json.loads(Path(folder, "sweep.json").read_text())
