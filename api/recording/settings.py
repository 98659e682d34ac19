"""What the recorder is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """Which requests are recorded, and where. `sample`: their share, from 0 to 1. `folder_mb`, `file_mb`: the most MiB of
    all files and of one. `bodies`: whether what is in bodies is recorded."""

    folder: Path
    sample: float = 1.0
    folder_mb: int = 1024
    file_mb: int = 16
    bodies: bool = True

    @property
    def folder_bytes(self) -> int:
        return self.folder_mb * 1024 * 1024

    @property
    def file_bytes(self) -> int:
        return self.file_mb * 1024 * 1024

    def told(self) -> dict[str, object]:
        """For a worker, as JSON; it need not know where we were started."""
        return {**asdict(self), "folder": str(self.folder.absolute())}

    @classmethod
    def heard(cls, told: object) -> Self | None:
        """What was told; None for None."""
        if told is None:
            return None
        fields = dict(cast("dict[str, Any]", told))
        return cls(folder=Path(fields.pop("folder")), **fields)
