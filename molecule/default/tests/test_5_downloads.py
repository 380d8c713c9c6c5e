# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What staff take home with the web interface."""

import io
import zipfile


def test_several_studies_come_as_one_file(site, studies):
    """Orthanc Explorer 2 asks so for what is selected in its list."""
    selected = ",".join(study["id"] for study in studies)
    answer = site.staff("GET", f"/tools/create-archive?resources={selected}")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 12 * len(studies)


def test_nobody_else_takes_them(site, studies, token):
    selected = ",".join(study["id"] for study in studies)
    for side in ("/orthanc", "/shares"):
        path = f"{side}/tools/create-archive?resources={selected}"
        assert site.request("GET", path).status_code in (401, 403)
        assert site.request("GET", path, token=token).status_code in (401, 403)
