"""Values of interest (PS3.3 C.11.2): windows and VOI LUTs that bring values to what is shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A window in the units of the modality LUT's output (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: str = "LINEAR"
