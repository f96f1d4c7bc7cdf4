"""Draws the pictures of the example site. They are committed, so nobody has to run this to build the site.

    pip install pillow && python3 site-example/source/pictures.py
"""

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

OUT = Path(__file__).parent / "static"
SCALE = 3  # drawn larger and reduced, so that edges are smooth

PAPER, CREAM, INK, MADDER, INDIGO, MOSS, OCHRE, GREY = (
    "#f4eee1", "#e7dcc4", "#2b2a28", "#a8433a", "#2f4a6d", "#5d7350", "#c9913d", "#a39d92",
)


class Sheet:
    """A drawing in final pixels."""

    def __init__(self, width, height, ground):
        self.size = (width, height)
        self.image = Image.new("RGB", (width * SCALE, height * SCALE), ground)
        self.draw = ImageDraw.Draw(self.image)

    def points(self, points):
        return [(x * SCALE, y * SCALE) for x, y in points]

    def line(self, points, colour, width=2):
        self.draw.line(self.points(points), fill=colour, width=int(width * SCALE), joint="curve")

    def box(self, x, y, w, h, colour, radius=0):
        self.draw.rounded_rectangle(
            [x * SCALE, y * SCALE, (x + w) * SCALE, (y + h) * SCALE], radius=radius * SCALE, fill=colour
        )

    def disc(self, x, y, r, colour):
        self.draw.ellipse([(x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE], fill=colour)

    def area(self, points, colour):
        self.draw.polygon(self.points(points), fill=colour)

    def save(self, name):
        path = OUT / name
        image = self.image.resize(self.size, Image.LANCZOS)
        if path.suffix == ".jpg":
            image.save(path, quality=72, optimize=True)
        else:
            image.quantize(48).save(path, optimize=True)


def open_book(sheet, x, y, w, h, page, edge, cover):
    """A book lying open, seen from the reader's side."""
    half = w / 2
    sheet.box(x - 8, y + 10, w + 16, h + 6, cover, 5)
    for side in (-1, 1):
        top, bottom = [], []
        for step in range(41):
            t = step / 40
            rise = -math.sin(t * math.pi) * h * 0.07 * (1 - t * 0.5)
            top.append((x + half + side * t * half, y + 12 + rise))
            bottom.append((x + half + side * t * half, y + h + 6 + rise))
        sheet.area(top + bottom[::-1], page)
        for n in range(7):
            left = [(px, py + (n + 2) * h / 10) for px, py in top[5:36]]
            sheet.line(left, edge, 1.4)
    sheet.line([(x + half, y + 12), (x + half, y + h + 6)], GREY, 2)


def avatar():
    s = Sheet(256, 256, MADDER)
    s.disc(128, 128, 104, "#b9574d")
    s.box(80, 62, 96, 132, CREAM, 4)
    s.box(80, 62, 22, 132, INDIGO, 4)
    for y in (86, 112, 138, 164):
        s.line([(102, y), (80, y)], PAPER, 3)
    s.line([(102, 62), (102, 194)], PAPER, 3)
    s.save("avatar.png")


def header():
    s = Sheet(1200, 400, PAPER)
    rng = random.Random(7)
    x = 40
    while x < 1150:
        w = rng.choice([26, 34, 42, 52, 64])
        h = rng.randint(180, 290)
        colour = rng.choice([MADDER, INDIGO, MOSS, OCHRE, CREAM, GREY, INK])
        s.box(x, 340 - h, w, h, colour, 3)
        mark = CREAM if colour != CREAM else MADDER
        for share in (0.18, 0.24, 0.78):
            s.line([(x + 4, 340 - h * share), (x + w - 4, 340 - h * share)], mark, 2)
        x += w + rng.choice([2, 2, 2, 14])
    s.box(0, 340, 1200, 14, "#8a6a48")
    s.save("header.png")


def flat():
    s = Sheet(960, 600, CREAM)
    for n in range(24):
        s.line([(0, n * 26 + 6), (960, n * 26 + 10)], "#dfd2b6", 2)
    open_book(s, 170, 170, 620, 270, "#fbf7ec", "#d8d0c0", INDIGO)
    s.save("pictures/open-flat.jpg")


def spine():
    s = Sheet(960, 420, "#e9e3d6")
    for n in range(9):
        x = 110 + n * 84
        s.box(x, 70, 70, 280, PAPER, 34)
        s.line([(x + 35, 80), (x + 35, 340)], GREY, 2)
    for y, colour in ((120, MADDER), (180, MADDER), (240, MADDER), (300, MADDER)):
        wave = [(100 + t, y + 7 * math.sin(t / 84 * math.tau)) for t in range(0, 776, 4)]
        s.line(wave, colour, 5)
    s.save("pictures/link-stitch.png")


def paste():
    s = Sheet(800, 600, "#dfe4de")
    s.disc(400, 330, 210, "#c3cac1")
    s.disc(400, 320, 200, "#f7f6f2")
    s.disc(400, 320, 168, "#ece8dc")
    for n in range(5):
        r = 140 - n * 24
        arc = [(400 + r * math.cos(a / 20), 320 + r * 0.86 * math.sin(a / 20)) for a in range(n * 9, n * 9 + 92)]
        s.line(arc, "#d8d1be", 7)
    s.line([(470, 250), (690, 60)], "#a9794a", 20)
    s.area([(452, 236), (486, 270), (430, 322), (402, 290)], "#7d6a52")
    s.save("pictures/wheat-paste.jpg")


def yotsume():
    s = Sheet(600, 800, "#ded7cb")
    s.box(90, 60, 420, 680, INDIGO, 2)
    s.box(260, 110, 74, 260, PAPER)
    s.box(268, 118, 58, 244, "#efe6d3")
    stations = (110, 290, 510, 690)
    s.line([(452, 60), (452, 740)], PAPER, 4)
    for y in stations:
        s.line([(452, y), (510, y)], PAPER, 4)
        s.disc(452, y, 5, PAPER)
    s.save("pictures/yotsume-toji.png")


def papers():
    rng = random.Random(11)
    for name, ground, fibre, many, length in (
        ("kozo", "#f6f1e3", "#d9cdb0", 420, 70),
        ("flax", "#e3d6bb", "#b9a57c", 620, 22),
        ("cotton", "#fbfaf6", "#e9e6dc", 300, 9),
    ):
        s = Sheet(480, 360, ground)
        for _ in range(many):
            x, y, a = rng.uniform(-20, 500), rng.uniform(-20, 380), rng.uniform(0, math.tau)
            bend = rng.uniform(-0.6, 0.6)
            run = [
                (x + length * t / 8 * math.cos(a + bend * t / 8), y + length * t / 8 * math.sin(a + bend * t / 8))
                for t in range(9)
            ]
            s.line(run, fibre, rng.choice([0.7, 1, 1.6]))
        s.save(f"pictures/paper-{name}.jpg")


def register():
    s = Sheet(900, 560, "#55483c")
    s.box(170, 80, 560, 400, "#8d6b45", 8)
    s.box(186, 96, 528, 368, "#9a774e", 6)
    s.box(170, 80, 64, 400, "#6f5335", 8)
    for y in (140, 240, 340, 430):
        s.box(166, y, 72, 16, "#7f6140", 4)
    rng = random.Random(3)
    for _ in range(70):
        s.disc(rng.uniform(250, 705), rng.uniform(105, 455), rng.uniform(1, 7), rng.choice(["#8d6b45", "#7a5c3c", "#a98758"]))
    s.box(330, 190, 260, 110, "#d9c9a3", 3)
    for n in range(3):
        s.line([(352, 216 + n * 28), (568 - n * 40, 216 + n * 28)], "#6b5a41", 3)
    s.save("pictures/register.jpg")


def window():
    s = Sheet(720, 540, "#3b4148")
    s.box(120, 60, 480, 400, "#b7c9d6")
    s.area([(120, 460), (120, 330), (260, 280), (400, 320), (600, 250), (600, 460)], "#8fa6a2")
    s.disc(480, 140, 34, "#f1e3b0")
    s.line([(360, 60), (360, 460)], "#5c534a", 12)
    s.line([(120, 250), (600, 250)], "#5c534a", 10)
    s.box(70, 460, 580, 24, "#8a6a48", 3)
    y = 460
    for w, h, c in ((120, 26, INDIGO), (104, 22, OCHRE), (112, 30, MADDER), (90, 18, CREAM)):
        y -= h
        s.box(430 - w / 2 + 60, y, w, h, c, 2)
    s.save("pictures/window.jpg")


if __name__ == "__main__":
    (OUT / "pictures").mkdir(parents=True, exist_ok=True)
    for drawing in (avatar, header, flat, spine, paste, yotsume, papers, register, window):
        drawing()
