"""What a page and a sheet of paper make of matplotlib's SVG: their own font, and colours for light and dark."""

import re

__all__ = ["DARK", "on_paper", "on_screen"]

DARK = {
    "#000000": "#e8eaed",
    "#ffffff": "#16181c",
    "#e5e5e5": "#33373d",
    "#e3e3e3": "#33373d",
    "#777777": "#9aa0a6",
    "#444444": "#c4c7cc",
    "#00694a": "#4fc99f",
    "#a33c00": "#ff9d66",
    "#0072b2": "#4aa8e0",
    "#d55e00": "#f07c2c",
}
"""The colour of figures on a dark ground, by that on a white one; others are the same on both."""

_FONT = "font-family: 'DejaVu Sans'"
_COLOUR = re.compile(r"(?<=: )(" + "|".join(DARK) + r")\b")


def on_screen(svg: bytes) -> bytes:
    """The picture in the font of the reader's system, light or dark as the reader's system is."""
    text = svg.decode().replace(_FONT, "font-family: system-ui, sans-serif")
    used = sorted(set(_COLOUR.findall(text)) | {"#000000"})
    light = ";".join(f"--{each[1:]}:{each}" for each in used)
    dark = ";".join(f"--{each[1:]}:{DARK[each]}" for each in used)
    style = (
        f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        "*{stroke-linejoin:round;stroke-linecap:butt}text{fill:var(--000000)}"
    )
    text = _COLOUR.sub(lambda found: f"var(--{found[0][1:]})", text)
    return text.replace("*{stroke-linejoin: round; stroke-linecap: butt}", style, 1).encode()


def on_paper(svg: bytes, font: str) -> bytes:
    """The picture in the font of a sheet's text."""
    return svg.decode().replace(_FONT, f"font-family: '{font}'").encode()
