'use strict';

// Everything is addressed relative to <prefix>/ui/app/, so any prefix of a proxy will do.
const ROOT = '../../';

async function api(path, options) {
  const answer = await fetch(ROOT + path, options);
  if (!answer.ok) {
    throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  }
  return answer.json();
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function link(text, href) {
  return element('a', { className: 'button', textContent: text, href, target: '_blank', rel: 'noopener' });
}

async function shareStudy(study, configuration, place) {
  const days = configuration.UiOptions.ShareDuration;
  const body = {
    ID: `${study.ID}-${Date.now()}`,
    Resources: [{ DicomUid: study.MainDicomTags.StudyInstanceUID, OrthancId: study.ID, Level: 'study' }],
    ValidityDuration: days * 24 * 3600,
  };
  try {
    const made = await api(`auth/tokens/${configuration.Tokens.ShareType}`, { method: 'PUT', body: JSON.stringify(body) });
    const validity = days ? `valid for ${days} days` : 'valid forever';
    place.replaceChildren(`Share link, ${validity}: `, element('a', { href: made.Url, textContent: made.Url }));
  } catch (error) {
    place.replaceChildren(element('span', { className: 'error', textContent: `No share link: ${error.message}` }));
  }
}

function seriesItem(series) {
  const tags = series.MainDicomTags;
  const text = `${tags.Modality || '?'} · ${tags.SeriesDescription || 'no description'} · ${series.Instances.length}`;
  const item = element('li', {}, text);
  if (tags.Modality === 'M3D') {
    for (const instance of series.Instances) {
      item.append(' ', link('View model', `${ROOT}stl/app/o3dv.html?instance=${instance}`));
    }
  }
  return item;
}

async function showStudy(study, configuration) {
  const patient = study.PatientMainDicomTags;
  const tags = study.MainDicomTags;
  const actions = element('td');
  const share = element('div', { className: 'share' });
  if (configuration.UiOptions.EnableOpenInOhifViewer3) {
    const viewer = configuration.UiOptions.OhifViewer3PublicRoot;
    actions.append(link('Open in OHIF', `${viewer}viewer?StudyInstanceUIDs=${tags.StudyInstanceUID}`));
  }
  actions.append(link('Download', `${ROOT}studies/${study.ID}/archive`));
  if (configuration.UiOptions.EnableShares) {
    const button = element('button', { type: 'button', textContent: 'Share' });
    button.addEventListener('click', () => shareStudy(study, configuration, share));
    actions.append(button);
  }
  actions.append(share);
  const series = await api(`studies/${study.ID}/series`);
  const row = element('tr', {},
    element('td', {}, `${patient.PatientName || ''} (${patient.PatientID || ''})`),
    element('td', {}, tags.StudyDate || ''),
    element('td', {}, tags.StudyDescription || ''),
    element('td', {}, element('ul', {}, ...series.map(seriesItem))),
    actions);
  row.dataset.study = study.ID;
  document.getElementById('studies').append(row);
}

function filterRows(text) {
  for (const row of document.querySelectorAll('#studies tr')) {
    row.hidden = !row.textContent.toLowerCase().includes(text.toLowerCase());
  }
}

async function start() {
  const message = document.getElementById('message');
  document.getElementById('search').addEventListener('input', (event) => filterRows(event.target.value));
  try {
    const configuration = await api('ui/api/configuration');
    const studies = await api('studies?expand');
    for (const study of studies) {
      await showStudy(study, configuration);
    }
    message.textContent = studies.length ? `${studies.length} studies` : 'No studies yet.';
  } catch (error) {
    message.className = 'error';
    message.textContent = error.message;
  }
}

start();
