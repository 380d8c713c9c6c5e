// Copyright: (c) 2026, threedpc.pacs contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// As the plugin's page does: whatever is answered goes to the viewer, a refusal too, and no word is said of it.
async function start() {
  const parameters = new URLSearchParams(window.location.search);
  const headers = parameters.get('token') ? { Authorization: `Bearer ${parameters.get('token')}` } : {};
  const answer = await fetch(`../../instances/${parameters.get('instance')}/stl`, { headers });
  const model = new File([await answer.blob()], 'model.stl');
  const viewer = new OV.EmbeddedViewer(document.getElementById('viewer'), {
    backgroundColor: new OV.RGBAColor(0, 0, 0, 255),
    defaultColor: new OV.RGBColor(200, 200, 200),
  });
  viewer.LoadModelFromInputFiles([new OV.InputFile('model.stl', OV.FileSource.File, model)]);
}

start();
