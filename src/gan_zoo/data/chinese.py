"""Thousands of Chinese characters drawn with fonts that the user names."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from gan_zoo.data.glyphs import RenderedGlyphs
from gan_zoo.schema import ConfigError, PositiveInt, Range, settings

_PACKAGES = "fonts-arphic-ukai, fonts-arphic-uming, fonts-wqy-zenhei or fonts-noto-cjk"
# where those packages put their fonts
_USUAL = (
    "/usr/share/fonts/truetype/arphic/ukai.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
)


def gb2312_level_1() -> list[str]:
    """The 3755 commonest characters: GB2312-80 level 1, rows 16 to 55, in the standard's order."""
    codes = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(16, 56) for cell in range(1, 95))
    # row 55 ends early: its last five cells are empty
    return [character for code in codes if (character := code.decode("gb2312", "ignore"))]


@settings
class ChineseGlyphs(RenderedGlyphs):
    """Characters of GB2312 level 1, the first `classes` of them in the standard's order.

    Mao et al. 2017 (arXiv:1611.04076) train on the 3740 of these characters that HWDB1.0 holds.

    Attributes:
        fonts: files that have all the characters; at least one.
    """

    classes: Annotated[int, Range(ge=1, le=3755)] = 3740
    count: PositiveInt = 100_000

    def check(self) -> None:
        """Raises ConfigError where no font is named, or one is not there."""
        if not self.fonts:
            here = [path for path in _USUAL if Path(path).is_file()]
            word = shlex.quote(f"dataset.fonts=[{','.join(here)}]")
            found = f"; type {word}, which this machine has" if here else ""
            allowed = "must name font files with Chinese characters, such as those of Debian's "
            allowed += f"{_PACKAGES}{found}; dataset=glyphs needs no files"
            raise ConfigError("fonts", "[]", allowed)
        super().check()

    def characters(self) -> Sequence[str]:
        return gb2312_level_1()[: self.classes]
