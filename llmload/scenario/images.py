"""``[classes.NAME] prompt.images``: made-up pictures."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from llmload.scenario.quantities import Bytes, TokenRange, Whole
from llmload.scenario.table import Table
from llmload.workload.image_files import bounds
from llmload.workload.lengths import highest, lowest
from llmload.workload.spec import ImageSpec, Lengths

__all__ = ["ImagesTable"]

_WIDEST: Final = 16_384
_MOST_PIXELS: Final = 2**26
"""Of a class: some seconds of work before the run."""


class ImagesTable(Table):
    """Made-up pictures beside the text of each chat prompt."""

    count: TokenRange = Field(Lengths("fixed", low=1), description="Pictures in a prompt.")
    width: TokenRange = Field(Lengths("fixed", low=512), description="Pixels.")
    height: TokenRange = Field(Lengths("fixed", low=512), description="Pixels.")
    format: Literal["png", "jpeg"] = Field("png", description="Kind of file.")
    bytes: Bytes | None = Field(
        None, description="Size of each file; left out: that of a photograph (PNG 1.5, JPEG 0.25 bytes a pixel)."
    )
    pool: Annotated[Whole, Field(le=64)] = Field(8, description="How many different pictures there are.")
    tokens: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        0, description="Tokens that the target counts each for; planned for."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        width, height = (highest(each) or 0 for each in (self.width, self.height))
        if not 1 <= max(width, height) <= _WIDEST:
            raise ValueError(f"a picture has at most {_WIDEST:,} pixels a side")
        if width * height * self.pool > _MOST_PIXELS:
            pixels = f"{width} x {height} x {self.pool}"
            raise ValueError(f"{pixels} are more than {_MOST_PIXELS:,} pixels to make; have a smaller pool")
        if self.bytes is not None:
            least, most = bounds(self.format, width, height)[0], bounds(self.format, *self._smallest)[1]
            if not least <= self.bytes <= most:
                if least > most:
                    raise ValueError("width and height differ too much for files of one size: leave out bytes")
                what = f"a {self.format} of that many pixels has from {least:,} to {most:,} bytes"
                raise ValueError(f"{what}, not {self.bytes:,}")
        return self

    @property
    def _smallest(self) -> tuple[int, int]:
        return lowest(self.width), lowest(self.height)

    def spec(self) -> ImageSpec:
        """What the workload makes them of."""
        size = self.bytes or 0
        return ImageSpec(self.count, self.width, self.height, self.format, size, self.pool, self.tokens)
