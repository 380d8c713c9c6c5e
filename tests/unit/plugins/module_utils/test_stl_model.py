# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import stl_model
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import Model

# A box with one corner at the origin, as 12 triangles that face outward.
CORNERS = np.array([[x, y, z] for x in (0, 2) for y in (0, 3) for z in (0, 4)], dtype=np.float32)
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
BOX = CORNERS[[corners for a, b, c, d in SIDES for corners in ((a, b, c), (a, c, d))]]


@pytest.fixture
def read(tmp_path):
    def run(content):
        path = tmp_path / "model.stl"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Model(str(path), str(tmp_path))

    return run


def binary(triangles, header=b"x"):
    return header.ljust(80) + len(triangles).to_bytes(4, "little") + stl_model.facets(triangles).tobytes()


def text(triangles, name="", end="\n"):
    lines = ["solid" + name]
    for points in triangles:
        lines += ["  facet normal 0 0 0", "    outer loop"]
        lines += ["      vertex %r %r %r" % tuple(map(float, point)) for point in points]
        lines += ["    endloop", "  endfacet"]
    return end.join([*lines, "endsolid" + name, ""])


def moved(triangles):
    """Each triangle begins with another point, and the triangles come in another order."""
    return np.roll(triangles, 1, axis=1)[::-1]


@pytest.mark.parametrize("header", [b"made by a test", b"solid made by a tool that should know better"])
def test_binary(read, header):
    content = binary(BOX, header)
    model = read(content)
    assert model.describe() == dict(
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        triangles=12,
        lower=[0, 0, 0],
        upper=[2, 3, 4],
        volume=pytest.approx(24),
        watertight=True,
        converted=False,
    )
    assert model.measures.center == pytest.approx((1, 1.5, 2))
    assert list(model.doubts()) == []
    assert model.path == model.source


@pytest.mark.parametrize("name", ["", " skull, left", " facet normal"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_becomes_binary(read, name, end):
    model = read(text(BOX, name, end))
    assert model.was_text
    assert model.measures == read(binary(BOX)).measures
    with open(model.path, "rb") as stream:
        content = stream.read()
    assert content != text(BOX, name, end).encode()
    read(content)


def test_text_in_other_ways(read):
    assert read(text(BOX).upper()).measures.triangles == 12
    assert read(text(BOX[:6]) + text(BOX[6:])).measures.watertight
    assert read(text(BOX).replace("0.0", "0e0").replace("    ", "\t")).measures.watertight
    assert read("\n " + text(BOX) + "\n\n").measures.watertight


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(b"endsolid", b"end solid"),
        lambda t: t.replace(b"endloop", b"end loop"),
        lambda t: t.replace(b"endfacet", b"end  facet"),
        lambda t: t.replace(b"end", b"END "),
        lambda t: BOM + t,
        lambda t: t + b"\x1a",
        lambda t: t.rstrip() + b"\x1a\x1a\r\n",
        lambda t: t + bytes(100),
        lambda t: t.rstrip() + bytes(3),
        lambda t: BOM + t.replace(b"end", b"end ") + b"\x1a" + bytes(9),
        lambda t: t.replace(b"solid", b"solid 3D Slicer output. SPACE=LPS", 1),
        lambda t: t.replace(b"solid", b"solid plate UNITS=mm", 1),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_as_tools_write_it(read, change, end):
    model = read(change(text(BOX, end=end).encode()))
    assert model.measures == read(binary(BOX)).measures
    assert list(model.doubts()) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_other_encodings_are_named(read, encoding):
    with pytest.raises(PacsError, match="UTF-16 or UTF-32"):
        read(text(BOX).encode(encoding))


@pytest.mark.parametrize(
    "said, sentence",
    [
        ("3D Slicer output. SPACE=RAS", "its space is RAS"),
        ("Space: left-anterior-superior", "its space is left-anterior-superior"),
        ("UNITS=inch", "its unit is inch"),
        ("unit: cm", "its unit is cm"),
        ("units = m", "its unit is m"),
    ],
)
def test_what_a_file_says_of_its_space_and_unit(read, said, sentence):
    for content in (binary(BOX, said.encode()), text(BOX, " " + said)):
        with pytest.raises(PacsError) as error:
            read(content)
        assert sentence in error.value.message and "Export it again" in error.value.message
    assert read(binary(BOX, b"unit: left plate")).measures.watertight


def test_several_solids_and_flat_ones_are_said(read):
    assert any("2 solids" in doubt for doubt in read(text(BOX[:6]) + text(BOX[6:])).doubts())
    assert any("is flat" in doubt for doubt in read(binary(BOX * np.float32([1, 1, 0]))).doubts())


def test_the_size_in_the_patients_directions(read):
    """x is from right to left, y from front to back, z from foot to head."""
    assert read(binary(BOX)).measures.size == {"width": 2, "depth": 3, "height": 4}


def test_portions_make_no_difference(read, monkeypatch):
    whole = read(binary(BOX)).measures
    monkeypatch.setattr(stl_model, "PORTION", 5)
    assert read(binary(BOX)).measures == whole
    assert read(text(BOX)).measures == whole


@pytest.mark.parametrize("change", [lambda t: t, moved, lambda t: -t[:, ::-1], lambda t: np.concatenate([t, t + 10])])
def test_watertight(read, change):
    triangles = change(BOX)
    # -0.0 and 0.0 are the same place.
    assert read(binary(triangles)).measures.watertight


def test_a_triangle_without_area_changes_nothing(read):
    flat = np.array([[[0, 0, 0], [0, 0, 4], [0, 0, 0]]], dtype=np.float32)
    assert read(binary(np.concatenate([BOX, flat]))).measures.watertight


@pytest.mark.parametrize(
    "change, closed, sentence",
    [
        (lambda t: t[1:], False, "not watertight"),
        (lambda t: np.concatenate([t, t[:1]]), False, "not watertight"),
        (lambda t: np.concatenate([t[:1, ::-1], t[1:]]), True, "not all of its triangles face the same way"),
        (lambda t: t[:, ::-1], True, "inside out"),
        (lambda t: t + (np.arange(36).reshape(12, 3, 1) == 7) * np.float32(1e-4), False, "not watertight"),
    ],
)
def test_doubts(read, change, closed, sentence):
    model = read(binary(np.ascontiguousarray(change(BOX), dtype=np.float32)))
    assert model.measures.closed is closed
    [doubt] = model.doubts()
    assert sentence in doubt


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "only 0 bytes"),
        (b"PK\x03\x04", "only 4 bytes"),
        (b"# OBJ\nv 0 0 0\n" * 20, "not an STL file"),
        (binary(BOX)[:-1], "not an STL file"),
        (binary(BOX) + b"x", "not an STL file"),
        (binary(BOX[:0]), "no triangle"),
        ("solid\nendsolid\n", "no triangle"),
        (text(BOX)[:300], "line 16"),
        (text(BOX).replace("endsolid", ""), "ends where facet or endsolid"),
        (text(BOX).replace("endloop", "endlop", 1), "from line 2 on"),
        (text(BOX).replace("2.0", "2,0"), "no number"),
        (text(BOX).replace("2.0", "nan"), "not finite"),
        (text(BOX) + "more", "from line 87 on where solid"),
        (binary(BOX * np.float32(np.inf)), "not finite"),
        (binary(BOX * np.float32(0.001)), "0.002 x 0.003 x 0.004 mm"),
        (binary(BOX * np.float32(1000)), "Is the unit another one"),
        (binary(BOX * np.float32(0)), "0 x 0 x 0 mm"),
    ],
)
def test_what_is_refused(read, content, sentence):
    with pytest.raises(PacsError) as error, np.errstate(invalid="ignore"):
        read(content)
    assert sentence in error.value.message
    assert "model.stl" in error.value.message


def test_too_large_and_missing(read, tmp_path, monkeypatch):
    with pytest.raises(PacsError, match="No such file"):
        Model(str(tmp_path / "none.stl"), str(tmp_path))
    with pytest.raises(PacsError, match="not a file"):
        Model(str(tmp_path), str(tmp_path))
    monkeypatch.setattr(stl_model, "MAX_BYTES", 100)
    with pytest.raises(PacsError, match="must not have more than 100"):
        read(binary(BOX))


def test_normals_face_outward():
    facets = stl_model.facets(BOX)
    outward = (facets["points"].mean(axis=1) - [1, 1.5, 2]) * facets["normal"]
    assert (outward.sum(axis=1) > 0).all()
    assert np.linalg.norm(facets["normal"], axis=1) == pytest.approx(np.ones(12))
