"""Font files by family, none downloaded: those that the machine has, or DejaVu, which comes with Matplotlib."""

from __future__ import annotations

from functools import lru_cache

FAMILIES = (
    "Anonymous Pro", "Courier Prime", "Fira Code", "Geist", "Geist Mono", "IBM Plex Mono", "Inconsolata", "Inter",
    "JetBrains Mono", "Lato", "Montserrat", "Noto Sans", "Nunito Sans", "Open Sans", "PT Mono", "Roboto", "Roboto Mono",
    "Source Code Pro", "Space Mono", "Work Sans",
)  # fmt: skip
"""What definitions may ask for."""

_FIXED_WIDTH = ("Mono", "Code", "Courier", "Anonymous", "Inconsolata")


@lru_cache(maxsize=len(FAMILIES))
def font_path(family: str) -> str:
    """The file of a family's regular face; of DejaVu Sans (Mono) when it is not installed."""
    from matplotlib import font_manager  # noqa: PLC0415 - slow to import, for whoever writes on pictures

    regular = font_manager.FontProperties(family=family)
    try:
        return str(font_manager.findfont(regular, fallback_to_default=False))
    except ValueError:
        mono = any(word in family for word in _FIXED_WIDTH)
        return str(font_manager.findfont("DejaVu Sans Mono" if mono else "DejaVu Sans"))
