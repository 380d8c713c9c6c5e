// Copyright: (c) 2026, threedpc.pacs contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Relative to <prefix>/ui/app/.
const ROOT = '../../';
const ERRORS = {
  expired: 'Your token has expired.',
  invalid: 'Your token is invalid. Check that you have pasted it completely, or contact the person who gave it to you.',
};
const token = new URLSearchParams(window.location.search).get('token');

function refuse(text) {
  const message = document.getElementById('message');
  message.className = 'error';
  message.textContent = text;
}

function offer(text, url) {
  const separator = url.includes('?') ? '&' : '?';
  const target = url.includes('token=') ? url : `${url}${separator}token=${token}`;
  const button = Object.assign(document.createElement('a'), { className: 'button', textContent: text, href: target });
  document.getElementById('options').append(button);
}

function showOptions(options, decoded) {
  const studies = decoded.ResourcesOrthancIds;
  document.getElementById('message').textContent = "You've reached the publication page of this study:";
  for (const option of options) {
    if (option.Type === 'open-viewer-button') {
      offer('View the DICOM study', decoded.RedirectUrl);
    } else if (option.Type === 'download-study') {
      offer('Download the DICOM study', `${ROOT}studies/${studies[0]}/archive`);
    } else if (option.Type === 'custom') {
      offer(option.Title, option.Url.replace('{UUID}', studies[0]).replace('{token}', token));
    }
  }
}

async function showStudy(identifier) {
  const answer = await fetch(`${ROOT}studies/${identifier}`, { headers: { token } });
  if (answer.ok) {
    const study = await answer.json();
    const tags = { ...study.PatientMainDicomTags, ...study.MainDicomTags };
    const shown = ['PatientName', 'PatientID', 'StudyDate', 'StudyDescription'].map((name) => tags[name]).filter(Boolean);
    document.getElementById('study').textContent = shown.join(' · ');
  }
}

async function start() {
  const body = JSON.stringify({ TokenKey: 'token', TokenValue: token });
  const before = await (await fetch('../api/pre-login-configuration')).json();
  const answer = await fetch(`${ROOT}auth/tokens/decode`, { method: 'POST', body });
  if (!answer.ok) {
    refuse(`The token could not be checked (${answer.status}).`);
    return;
  }
  const decoded = await answer.json();
  if (decoded.ErrorCode) {
    refuse(ERRORS[decoded.ErrorCode] || ERRORS.invalid);
  } else if (before.TokensLandingOptions && before.TokensLandingOptions.length) {
    showOptions(before.TokensLandingOptions, decoded);
    if (decoded.ResourcesOrthancIds.length === 1) {
      await showStudy(decoded.ResourcesOrthancIds[0]);
    }
  } else if (decoded.RedirectUrl) {
    window.location = decoded.RedirectUrl;
  }
}

start().catch((error) => refuse(error.message));
