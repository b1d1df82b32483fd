"""Vector figures: what a page and a sheet make of them, and strips by hand."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from dlstudy.report.blocks import Mood
from dlstudy.report.figures.claims import Row
from dlstudy.report.figures.strip import colourful, strip
from dlstudy.report.figures.style import svg
from dlstudy.report.figures.vector import DARK, on_paper, on_screen


def drawing():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#D55E00")
    axes.set_title("a < b & c")
    return figure


@pytest.fixture(scope="module")
def picture():
    return svg(drawing)


def test_a_vector_figure_is_the_same_each_time_with_its_letters_as_text(picture):
    assert svg(drawing) == picture
    texts = [element.text for element in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b & c" in texts
    assert b"<dc:date>" not in picture


def test_a_page_gives_it_colours_for_light_and_dark_and_the_font_of_the_system(picture):
    shown = on_screen(picture).decode()
    ElementTree.fromstring(shown)
    assert "DejaVu" not in shown
    assert "--d55e00:#d55e00" in shown
    assert f"--d55e00:{DARK['#d55e00']}" in shown
    assert "stroke: var(--d55e00)" in shown
    outside = re.sub(r"<style.*?</style>", "", shown)
    assert not any(colour in outside for colour in DARK)


def luminance(colour):
    """Source: WCAG 2.1, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("light", [colour for colour in DARK if colour not in ("#ffffff", "#e5e5e5", "#e3e3e3")])
def test_what_is_drawn_can_be_told_from_either_ground(light):
    for colour, ground in ((light, "#ffffff"), (DARK[light], DARK["#ffffff"])):
        brighter, darker = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 3, "of graphics (WCAG 2.1, 1.4.11)"


def test_paper_has_the_font_of_its_text(picture):
    assert b"font-family: 'Libertinus Serif'" in on_paper(picture, "Libertinus Serif")


ROW = Row("against b", [0.0, 0.2], 0.1, interval=(0.0, 0.2), on_other_rows=(-0.1, 0.3))


def test_a_strip_puts_values_where_they_belong():
    drawn = strip(ROW, (-0.5, 0.5), 0.25, Mood.GOOD)
    root = ElementTree.fromstring(drawn)
    find = {tag: [element.attrib for element in root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")] for tag in
            ("rect", "line", "circle", "g")}  # fmt: skip
    assert find["g"] == [{"class": "good"}]
    assert [float(circle["cx"]) for circle in find["circle"]] == [160.0, 217.6, 188.8]  # 288 wide from 16 on
    assert find["circle"][-1]["class"] == "mean"
    (rope,) = find["rect"]
    assert (float(rope["x"]), float(rope["width"])) == (88.0, 144.0)
    zero, axis, other, interval = find["line"]
    assert (zero["x1"], zero["x2"]) == ("160.0", "160.0")
    assert (axis["x1"], axis["x2"]) == ("16.0", "304.0")
    assert (other["x1"], other["x2"], interval["x1"], interval["x2"]) == ("131.2", "246.4", "160.0", "217.6")
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["−0.4", "−0.2", "0", "+0.2", "+0.4"] or texts == ["−0.5", "−0.25", "0", "+0.25", "+0.5"]


def test_a_strip_without_interval_or_region_is_dots_and_a_mean():
    drawn = strip(Row("against b", [0.0], 0.0), (-1, 1), None, Mood.OPEN)
    assert "<rect" not in drawn
    assert drawn.count("<line") == 2
    assert ElementTree.fromstring(colourful(drawn))[0].tag.endswith("style")
