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
