// Copyright: (c) 2026, threedpc.pacs contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Everything that a reader sees is here.
const TEXT = {
  checking: 'Checking your link…',
  title: 'Images shared with you',
  ends: ['This link works for another ', ', until ', '.'],
  endless: 'This link has no end date.',
  careful: 'Anyone with this link can see what you see. Please do not pass it on.',
  viewImages: 'View the images',
  inViewer: 'In the viewer',
  images: (count) => (count === 1 ? '1 image' : `${count} images`),
  model: '3D model',
  turn: '3D model to turn and zoom',
  size: (width, height, depth) => `${width} mm wide, ${height} mm high, ${depth} mm deep`,
  noSize: 'its size was not recorded',
  earlier: 'Earlier versions of the models',
  searching: 'Looking for 3D models…',
  notFound: 'The list of 3D models could not be loaded.',
  nothing: 'There are no images or 3D models here yet. Ask the person who sent the link.',
  download: 'Download everything',
  archive: 'A large ZIP file of DICOM images',
  again: 'Try again',
  pinTitle: 'Enter your PIN',
  pinWhy: 'The person who sent you this link has told you a PIN, or will if you ask.',
  pin: 'PIN',
  pinEnter: 'Open',
  pinWrong: (left) => `This is not the PIN. ${left === 1 ? 'You have one more try.' : `You have ${left} more tries.`}`,
  pinUnchecked: 'The PIN could not be checked just now. Try again in a minute.',
  refused: {
    expired: ['This link has expired', 'Ask the person who sent it to you for a new one.'],
    revoked: ['This link was withdrawn', 'The person who made it has ended it. If you still need the images, ask the person who sent it to you.'],
    unknown: ['This link is not known here', 'Ask the person who sent it to you for a new one.'],
    ambiguous: ['These images are locked for now', 'The archive holds two studies under one number, so this link could show those of somebody else. Ask the person who sent you the link to put this right; then it opens again, or you get a new one.'],
    invalid: ['This link is not complete', 'A part of it was lost or changed on its way. Open it again from the message, or copy all of it. If that does not help, ask the person who sent it to you for a new one.'],
    missing: ['Open your link again', 'This page does not know which images to show. Go back to the message with the link and open it from there.'],
    locked: ['This link is locked', 'A wrong PIN was entered too often. Ask the person who sent it to you for a new link.'],
    unavailable: ['The images cannot be reached right now', 'Your link may be fine. Try again in a few minutes. If it is urgent, call the person who sent it to you.'],
  },
};
const ENCAPSULATED_STL = '1.2.840.10008.5.1.4.1.1.104.3';
// The size of a model as the module orthanc_stl writes it. What else is written there is anybody's text.
const MAKER = 'threedpc.pacs';
const SIZE = /^(\d+\.\d) x (\d+\.\d) x (\d+\.\d) mm \(width x height x depth\)$/;
// The attributes of DICOM that are read here.
const TAG = {
  content: '00700081', created: '00080012', createdTime: '00080013', date: '00080020', images: '00201209',
  instance: '00080018', instanceNumber: '00200013', manufacturer: '00080070', modality: '00080060', patient: '00100020',
  series: '0020000E', seriesDescription: '0008103E', sopClass: '00080016', study: '0020000D', studyDescription: '00081030',
};
// Where everything is, whatever the link that led here looks like.
const SHARES = '/shares/';
// A link of which no token is left.
const BROKEN = 'broken';
const page = document.getElementById('page');
const token = takeToken();
let alarm;

// The token leaves the address bar at once. The tab keeps it, for the way back from a viewer.
function takeToken() {
  const { pathname, search, hash } = window.location;
  // On the way back nothing is in the address. Whatever else is there is a link, and never the one before it.
  const given = pathname === `${SHARES}open/` && !search && !hash ? null : tokenIn(pathname + search + hash);
  if (given !== null) {
    window.history.replaceState(null, '', `${SHARES}open/`);
  }
  try {
    if (given !== null) {
      window.sessionStorage.setItem('token', given);
    }
    return window.sessionStorage.getItem('token');
  } catch {
    // A browser that keeps nothing shows the page all the same.
    return given;
  }
}

// The token in what mail programs, chats and PDF viewers have left of a link, or what the gate calls incomplete. A token
// is three words of letters, digits, - and _ with dots between them; the last has 43 characters, so its end is known.
function tokenIn(address) {
  let text = address;
  for (let i = 0; i < 4; i += 1) {
    // Escaped once more by each program that it passed; an escape that was cut in two stays as it is.
    text = text.replace(/(%[0-9A-F]{2})+/gi, (escaped) => {
      try {
        return decodeURIComponent(escaped);
      } catch {
        return escaped;
      }
    });
  }
  const plain = text.normalize('NFKC')
    // As HTML writes a character.
    .replace(/&(#\d{1,4}|#x[0-9a-f]{1,4}|shy|nbsp|ZeroWidthSpace);?/gi, (_escaped, name) => {
      // JavaScript reads 0x2e as HTML means #x2e.
      return name.startsWith('#') ? String.fromCharCode(Number(name.slice(1).replace(/^x/i, '0x'))) : ' ';
    })
    // A dash that a word processor made of hyphens.
    .replace(/\u2014/g, '--').replace(/[\u2010-\u2013\u2212]/g, '-')
    // Quoted-printable, with its line breaks. No token has a = in it.
    .replace(/=(2D|2E|3D|5F)/gi, (_escaped, code) => String.fromCharCode(parseInt(code, 16))).replace(/=\s+/g, '')
    // Line breaks, with the marks of a quotation, and what nobody sees.
    .replace(/[\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+(&gt;|>)?\s*/g, '');
  const [, start, end] = /(e=?y=?J[\w=-]+\.[\w=-]+\.)([\w=-]+)/.exec(plain) || [];
  return start ? start.replaceAll('=', '') + end.replaceAll('=', '').slice(0, 43) : BROKEN;
}

// --- what is on the page ---

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function icon(name, className = '') {
  const [picture, use] = ['svg', 'use'].map((part) => document.createElementNS('http://www.w3.org/2000/svg', part));
  use.setAttribute('href', `#${name}`);
  picture.setAttribute('class', className);
  picture.setAttribute('aria-hidden', 'true');
  picture.append(use);
  return picture;
}

function link(name, title, detail, href, className = '') {
  const label = element('span', {}, title, element('small', { textContent: detail }));
  return element('a', { className: `button ${className}`, href }, icon(name), label);
}

function item(...children) {
  return element('li', {}, ...children);
}

function tryAgain() {
  const button = element('button', { className: 'button center', type: 'button', textContent: TEXT.again });
  button.addEventListener('click', openShare);
  return button;
}

// What is new on the page is read from its heading on.
function show(...children) {
  page.replaceChildren(...children);
  const heading = page.querySelector('h1');
  if (heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
}

function refuse(reason) {
  const known = reason in TEXT.refused ? reason : 'unknown';
  const [title, text] = TEXT.refused[known];
  show(icon('stop', 'sign'), element('h1', { textContent: title }), element('p', { textContent: text }));
  if (known === 'unavailable') {
    page.append(tryAgain());
  }
}

// The date as the reader writes it, where the reader is.
function ending(share) {
  if (!share.expires_at) {
    return element('p', { textContent: TEXT.endless });
  }
  const end = new Date(share.expires_at);
  const format = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: 'numeric', minute: '2-digit' };
  const written = new Intl.DateTimeFormat(undefined, { ...format, timeZoneName: 'short' }).format(end);
  const time = element('time', { dateTime: share.expires_at, lang: navigator.language, textContent: written });
  return element('p', {}, TEXT.ends[0], duration(end - share.now), TEXT.ends[1], time, TEXT.ends[2]);
}

function duration(milliseconds) {
  const hours = milliseconds / 3_600_000;
  const [count, unit] = hours >= 48 ? [hours / 24, 'day'] : hours >= 2 ? [hours, 'hour'] : [hours * 60, 'minute'];
  const whole = Math.max(Math.floor(count), 0);
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(whole);
}

function heading(share, title) {
  return [element('p', { className: 'site', textContent: share.site }), element('h1', { textContent: title })];
}

// --- a PIN that was told in another way than the link ---

function askPin(share) {
  const problem = element('p', { className: 'problem', id: 'problem' });
  problem.setAttribute('role', 'alert');
  const input = element('input', { id: 'pin', inputMode: 'numeric', autocomplete: 'one-time-code', maxLength: 12, required: true });
  input.setAttribute('aria-describedby', 'problem');
  const button = element('button', { className: 'button first center', textContent: TEXT.pinEnter });
  const label = element('label', { htmlFor: 'pin', textContent: TEXT.pin });
  const form = element('form', {}, label, input, problem, button);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    const problemText = await tryPin(input.value.trim());
    button.disabled = false;
    problem.textContent = problemText;
    input.setAttribute('aria-invalid', String(Boolean(problemText)));
    input.select();
  });
  const notes = element('div', { className: 'notes quiet' }, ending(share));
  show(...heading(share, TEXT.pinTitle), element('p', { textContent: TEXT.pinWhy }), form, notes);
  input.focus();
}

// Returns what to tell beside the field; where the PIN opens or ends the link, the page is another already.
async function tryPin(pin) {
  const answer = await askGate('pin', { pin }).catch(() => null);
  if (answer && answer.ok) {
    await openShare();
    return '';
  }
  const { reason, tries_left: left } = await refusal(answer);
  if (reason === 'wrong_pin' && left > 0) {
    return TEXT.pinWrong(left);
  }
  if (reason === 'unavailable') {
    return TEXT.pinUnchecked;
  }
  refuse(reason === 'wrong_pin' ? 'locked' : reason);
  return '';
}

// --- what is shared ---

function showShare(share) {
  const studies = share.studies.map((study) => showStudy(study, share.download_allowed));
  const notes = element('div', { className: 'notes quiet' }, ending(share), element('p', { textContent: TEXT.careful }));
  show(...heading(share, TEXT.title), ...studies, notes);
}

function showStudy({ study_instance_uid: uid, study_orthanc_id: id }, downloadAllowed) {
  const title = element('p', { className: 'quiet', textContent: '\u00a0' });
  const status = element('p', { className: 'quiet', textContent: TEXT.searching });
  status.setAttribute('role', 'status');
  const viewer = new URLSearchParams({ StudyInstanceUIDs: uid, token });
  const images = item(link('images', TEXT.viewImages, TEXT.inViewer, `${SHARES}ohif/viewer?${viewer}`, 'first'));
  const choices = element('ul', { className: 'choices' }, images);
  if (downloadAllowed) {
    const archive = `${SHARES}studies/${id}/archive?${new URLSearchParams({ token })}`;
    choices.append(item(link('download', TEXT.download, TEXT.archive, archive)));
  }
  showContents(uid, { title, images, status }).catch(() => {
    status.textContent = TEXT.notFound;
    status.after(tryAgain());
  });
  return element('section', {}, title, choices, status);
}

async function showContents(uid, { title, images, status }) {
  const series = await dicomWeb(`studies/${uid}/series?includefield=${TAG.studyDescription}`);
  const pictures = series.filter((one) => value(one, TAG.modality) !== 'M3D');
  title.textContent = series.length ? studyTitle(series[0]) : '';
  images.hidden = !pictures.length;
  images.querySelector('small').textContent = describe(pictures);
  const models = await findModels(uid, series.filter((one) => !pictures.includes(one)));
  const newest = models.map((versions) => modelItem(versions[0]));
  images.after(...newest);
  if (!pictures.length && newest.length) {
    newest[0].firstChild.classList.add('first');
  }
  const earlier = models.flatMap((versions) => versions.slice(1)).map(modelItem);
  if (earlier.length) {
    const list = element('ul', { className: 'choices' }, ...earlier);
    status.after(element('details', {}, element('summary', { textContent: TEXT.earlier }), list));
  }
  status.textContent = series.length ? '' : TEXT.nothing;
}

function studyTitle(series) {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(value(series, TAG.date)) || [];
  const date = year ? new Intl.DateTimeFormat(undefined, { dateStyle: 'long' }).format(new Date(year, month - 1, day)) : '';
  return [value(series, TAG.studyDescription), date].filter(Boolean).join(', ') || '\u00a0';
}

function describe(series) {
  const modalities = [...new Set(series.map((one) => value(one, TAG.modality)))].filter(Boolean);
  const count = series.reduce((sum, one) => sum + Number(value(one, TAG.images)), 0);
  return [modalities.join(', '), count ? TEXT.images(count) : ''].filter(Boolean).join(', ') || TEXT.inViewer;
}

// A list of models; a model is a series, and its instances are its versions, the newest first. Series by series: a search
// for instances makes Orthanc read every model as a whole.
async function findModels(uid, series) {
  const asked = series.map((one) => dicomWeb(`studies/${uid}/series/${value(one, TAG.series)}/metadata`));
  const order = (one) => [Number(value(one, TAG.instanceNumber)), value(one, TAG.created), value(one, TAG.createdTime)];
  return (await Promise.all(asked))
    .map((instances) => instances.filter((one) => value(one, TAG.sopClass) === ENCAPSULATED_STL))
    .filter((instances) => instances.length)
    .map((instances) => instances.sort((a, b) => compare(order(b), order(a))));
}

function compare(a, b) {
  const different = a.findIndex((part, i) => part !== b[i]);
  return different < 0 ? 0 : a[different] < b[different] ? -1 : 1;
}

function modelItem(instance) {
  const query = new URLSearchParams({ instance: orthancId(instance), token });
  const title = value(instance, TAG.seriesDescription) || TEXT.model;
  return item(link('model', title, `${TEXT.turn}, ${sizeOf(instance)}`, `${SHARES}stl/app/o3dv.html?${query}`));
}

function sizeOf(instance) {
  const known = value(instance, TAG.manufacturer) === MAKER && SIZE.exec(value(instance, TAG.content));
  return known ? TEXT.size(...known.slice(1)) : TEXT.noSize;
}

// --- who is asked ---

function askGate(question, body) {
  const headers = { token, ...(body && { 'Content-Type': 'application/json' }) };
  const signal = AbortSignal.timeout(20_000);
  return fetch(`${SHARES}gate/${question}`, { method: 'POST', headers, body: body && JSON.stringify(body), signal });
}

// Only the gate says why; whatever else is answered, nobody could be asked.
async function refusal(answer) {
  const said = answer && [403, 423].includes(answer.status) ? await answer.json().catch(() => ({})) : {};
  return { reason: 'unavailable', ...said };
}

async function dicomWeb(path) {
  const headers = { Accept: 'application/dicom+json', Authorization: `Bearer ${token}` };
  const answer = await fetch(`${SHARES}dicom-web/${path}`, { headers, cache: 'no-store' });
  if (!answer.ok) {
    throw new Error(`${answer.status} ${answer.statusText}`);
  }
  return answer.status === 204 ? [] : answer.json();
}

// The first value of an attribute, in DICOM's JSON.
function value(dataset, tag) {
  const { Value: [first] = [] } = dataset[tag] || {};
  return first === undefined || first === null ? '' : String(first);
}

// --- Orthanc's name of an instance: a SHA-1 in groups, made of identifiers and no secret ---

// As in Orthanc's DicomInstanceHasher: each attribute as a whole. A PatientID may have blanks around it, and backslashes,
// at which DICOM's JSON parts it; it may be missing too.
function orthancId(instance) {
  const parts = [TAG.patient, TAG.study, TAG.series, TAG.instance].map((tag) => whole(instance, tag));
  return sha1(new TextEncoder().encode(parts.join('|'))).map((word) => word.toString(16).padStart(8, '0')).join('-');
}

function whole(dataset, tag) {
  const { Value: all = [] } = dataset[tag] || {};
  return all.map((one) => one ?? '').join('\\');
}

// The browser's own (SubtleCrypto) is missing where a site is reached without https. FIPS 180-4, section 6.1.
function sha1(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, bytes.length * 8);
  const turn = (word, by) => (word << by) | (word >>> (32 - by));
  const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let block = 0; block < padded.length; block += 64) {
    const words = Array.from({ length: 16 }, (_, i) => view.getUint32(block + i * 4));
    let [a, b, c, d, e] = hash;
    for (let i = 0; i < 80; i += 1) {
      if (i > 15) {
        words[i] = turn(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
      }
      const [mixed, constant] = [
        [(b & c) | (~b & d), 0x5a827999], [b ^ c ^ d, 0x6ed9eba1], [(b & c) | (b & d) | (c & d), 0x8f1bbcdc], [b ^ c ^ d, 0xca62c1d6],
      ][Math.floor(i / 20)];
      [a, b, c, d, e] = [(turn(a, 5) + mixed + e + constant + words[i]) | 0, a, turn(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((word, i) => {
      hash[i] = (hash[i] + word) | 0;
    });
  }
  return hash.map((word) => word >>> 0);
}

// --- the beginning, and again when somebody comes back to the page or the link ends ---

async function openShare() {
  clearTimeout(alarm);
  if (!token) {
    refuse('missing');
    return;
  }
  const answer = await askGate('open').catch(() => null);
  if (!answer || !answer.ok) {
    refuse((await refusal(answer)).reason);
    return;
  }
  // By the server's clock: a phone's may be wrong.
  const share = { ...(await answer.json()), now: new Date(answer.headers.get('Date')) };
  const rest = new Date(share.expires_at) - share.now;
  // A timer counts 31 bits of milliseconds.
  if (share.expires_at && rest < 2 ** 31 - 2000) {
    alarm = setTimeout(openShare, rest + 1000);
  }
  (share.pin_required ? askPin : showShare)(share);
}

show(element('p', { className: 'quiet', textContent: TEXT.checking }));
window.addEventListener('pageshow', openShare);
