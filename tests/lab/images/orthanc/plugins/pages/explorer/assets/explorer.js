// Copyright: (c) 2026, threedpc.pacs contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Everything is addressed relative to <prefix>/ui/app/, so any prefix of a proxy will do.
const ROOT = '../../';
const COLUMNS = ['PatientName', 'PatientID', 'StudyDescription', 'StudyDate'];
const selected = new Set();

async function api(path, method = 'GET', body = undefined) {
  const answer = await fetch(ROOT + path, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) {
    throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  }
  return answer.json();
}

// What a user may not see is not there, and nothing is said of it but in the console.
async function apiOr(missing, path) {
  try {
    return await api(path);
  } catch (error) {
    console.warn(error.message);
    return missing;
  }
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function icon(text, title) {
  return element('i', { textContent: text, title });
}

// Buttons are icons; what they do is their tooltip.
function linkButton(text, title, href, target = '_self') {
  return element('a', { className: 'button', title, href, target }, element('i', { textContent: text }));
}

function button(text, title, clicked) {
  const made = element('button', { type: 'button' }, icon(text, title));
  made.addEventListener('click', clicked);
  return made;
}

function dialog(title, ...content) {
  const close = element('button', { type: 'button', textContent: 'Cancel' });
  const made = element('dialog', {}, element('h5', { textContent: title }), ...content, close);
  close.addEventListener('click', () => made.close());
  made.addEventListener('close', () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}

function failure(error) {
  return element('p', { className: 'error', textContent: error.message });
}

async function share(studies, configuration, title) {
  const days = configuration.UiOptions.ShareDuration;
  const expires = days ? `This link expires in ${days} days.` : 'This link never expires.';
  const link = element('textarea', { rows: 8, readOnly: true });
  const shown = dialog(title, element('p', { textContent: expires }), link);
  const resources = studies.map((study) => (
    { OrthancId: study.ID, DicomUid: study.MainDicomTags.StudyInstanceUID, Level: 'study' }));
  const type = configuration.Tokens.ShareType;
  const body = { Resources: resources, Type: type, ValidityDuration: days * 24 * 3600 };
  try {
    link.value = (await api(`auth/tokens/${type}`, 'PUT', body)).Url;
  } catch (error) {
    shown.append(failure(error));
  }
}

function confirmDelete(study, row) {
  const sure = element('button', { type: 'button', textContent: 'Delete' });
  const shown = dialog('Delete study?', element('p', { textContent: 'This action can not be undone!' }), sure);
  sure.addEventListener('click', async () => {
    try {
      await api(`studies/${study.ID}`, 'DELETE');
      row.remove();
      shown.close();
    } catch (error) {
      shown.append(failure(error));
    }
  });
}

function send(study, modalities) {
  const names = modalities.map((name) => {
    const made = element('button', { type: 'button', textContent: name });
    made.addEventListener('click', async () => {
      const body = { Resources: [study.ID], Synchronous: false };
      const answer = api(`modalities/${encodeURIComponent(name)}/store`, 'POST', body);
      shown.append(await answer.then(() => element('p', { textContent: 'Sent' }), failure));
    });
    return made;
  });
  const shown = dialog('Send to DICOM node', ...names);
}

function missing(title) {
  return () => dialog(title, element('p', { textContent: "The lab's stand-in can't do this." }));
}

function studyButtons(study, row, configuration, modalities) {
  const options = configuration.UiOptions;
  const buttons = element('div', { className: 'buttons' });
  if (options.EnableOpenInOhifViewer3) {
    const query = `viewer?StudyInstanceUIDs=${study.MainDicomTags.StudyInstanceUID}`;
    buttons.append(linkButton('👁', 'View in OHIF', options.OhifViewer3PublicRoot + query, '_blank'));
  }
  if (options.EnableDownloadZip) {
    buttons.append(linkButton('⤓', 'Download ZIP', `${ROOT}studies/${study.ID}/archive?filename=study.zip`));
  }
  const more = [
    ['EnableDeleteResources', '🗑', 'Delete', () => confirmDelete(study, row)],
    ['EnableShares', '➦', 'Share', () => share([study], configuration, 'Share study')],
    ['EnableModification', '✎', 'Modify', missing('Modify')],
    ['EnableAnonymization', '⊘', 'Anonymize', missing('Anonymize')],
    ['EnableAddSeries', '＋', 'Add a series', missing('Add a new series to study')],
  ];
  buttons.append(...more.filter(([option]) => options[option]).map(([, ...button_]) => button(...button_)));
  if (options.EnableSendTo && modalities.length) {
    buttons.append(button('➤', 'Send', () => send(study, modalities)));
  }
  return buttons;
}

function seriesItem(series) {
  const tags = series.MainDicomTags;
  const text = `${tags.Modality || '?'} · ${tags.SeriesDescription || 'no description'} · ${series.Instances.length}`;
  const item = element('li', {}, text);
  if (tags.Modality === 'M3D') {
    for (const instance of series.Instances) {
      item.append(linkButton('◈', 'View in STL Viewer', `${ROOT}stl/app/o3dv.html?instance=${instance}`, '_blank'));
    }
  }
  return item;
}

// A click on the row opens the study below it.
function studyRow(study, configuration, modalities) {
  const tags = { ...study.PatientMainDicomTags, ...study.MainDicomTags };
  const box = element('input', { type: 'checkbox' });
  const details = element('td', { colSpan: COLUMNS.length + 1 });
  const opened = element('tr', { hidden: true }, details);
  const cells = COLUMNS.map((name) => (
    element('td', {}, element('span', { textContent: tags[name] || '', title: tags[name] || '' }))));
  const row = element('tbody', {}, element('tr', {}, element('td', {}, box), ...cells), opened);
  row.dataset.study = study.ID;
  box.addEventListener('click', () => {
    selected[box.checked ? 'add' : 'delete'](study);
    row.dispatchEvent(new Event('selected', { bubbles: true }));
  });
  for (const cell of cells) {
    cell.addEventListener('click', async () => {
      opened.hidden = !opened.hidden;
      if (!opened.hidden) {
        details.replaceChildren(studyButtons(study, row, configuration, modalities));
        const series = await api(`studies/${study.ID}/series`);
        details.append(element('ul', {}, ...series.map(seriesItem)));
      }
    });
  }
  return row;
}

// Several studies at once; nothing can be clicked before something is selected.
function bulkButtons(configuration) {
  const place = document.getElementById('bulk');
  const studies = [...selected];
  const archive = `${ROOT}tools/create-archive?resources=${studies.map((study) => study.ID).join(',')}`;
  const download = linkButton('⤓', 'Download ZIP', archive);
  const several = button('➦', 'Share', () => share(studies, configuration, `Share ${studies.length} studies`));
  download.classList.toggle('disabled', !studies.length);
  several.disabled = !studies.length;
  place.replaceChildren(download, ...(configuration.UiOptions.EnableShares ? [several] : []));
}

// Whenever its menu is opened, each modality is asked for an echo.
function modalityMenu(names) {
  const list = element('ul', { hidden: true });
  const entry = element('li', { textContent: 'DICOM Modalities' });
  entry.addEventListener('click', () => {
    list.hidden = !list.hidden;
    list.replaceChildren();
    for (const name of list.hidden ? [] : names) {
      const status = element('span', {}, icon('…', 'Checking connectivity'));
      list.append(element('li', {}, `${name} `, status));
      api(`modalities/${encodeURIComponent(name)}/echo`, 'POST', {}).then(
        () => status.replaceChildren(icon('✓', 'C-Echo succeeded')),
        () => status.replaceChildren(icon('✗', 'C-Echo failed')),
      );
    }
  });
  return [entry, list];
}

async function start() {
  const message = document.getElementById('message');
  try {
    const configuration = await api('ui/api/configuration');
    const options = configuration.UiOptions;
    const modalities = Object.keys(
      options.EnableSendTo || options.EnableDicomModalities ? await apiOr({}, 'modalities?expand') : {});
    // Twice: once for where to send, once for where to look.
    await Promise.all([apiOr([], 'dicom-web/servers'), apiOr([], 'dicom-web/servers')]);
    const statistics = await apiOr({}, 'statistics');
    const studies = await api('tools/find', 'POST', { Level: 'Study', Query: {}, Limit: 100, Expand: true });
    document.getElementById('menu').append(
      element('li', { textContent: `Local Studies ${studies.length} / ${statistics.CountStudies}` }),
      ...(options.EnableDicomModalities && modalities.length ? modalityMenu(modalities) : []));
    const table = document.querySelector('table');
    table.append(...studies.map((study) => studyRow(study, configuration, modalities)));
    table.addEventListener('selected', () => bulkButtons(configuration));
    document.getElementById('all').addEventListener('click', (event) => {
      for (const box of table.querySelectorAll('tbody input[type=checkbox]')) {
        if (box.checked !== event.target.checked) {
          box.click();
        }
      }
    });
    bulkButtons(configuration);
    message.textContent = studies.length ? '' : 'No result found!';
  } catch (error) {
    message.replaceChildren(failure(error));
  }
}

start();
