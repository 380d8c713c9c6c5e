// Copyright: (c) 2026, threedpc.pacs contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// OHIF's settings. Orthanc's plugin adds where the images come from.
window.config = {
  extensions: [],
  modes: [],
  // The tour for newcomers lies over the image.
  customizationService: { 'ohif.tours': { $set: [] } },
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  omitQuotationForMultipartRequest: true,
  showWarningMessageForCrossOrigin: true,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  maxNumRequests: { interaction: 100, thumbnail: 75, prefetch: 25 },
};

// On a phone the list of series is closed, because it would leave nothing for the image, the tools are where they lie
// over nothing else, and one finger goes through the images. Two fingers zoom, as everywhere.
if (window.innerWidth < 768) {
  window.config.whiteLabeling = { createLogoComponentFn: (React) => React.createElement('span') };
  window.config.modesConfiguration = {
    '@ohif/mode-longitudinal': {
      onModeEnter: {
        $apply: (enter) => function enterWithOneFinger(managers) {
          enter.call(this, managers);
          managers.commandsManager.run('setToolActiveToolbar', { toolName: 'StackScroll', toolGroupIds: ['default'] });
        },
      },
      routes: { 0: { layoutInstance: { props: { leftPanelClosed: { $set: true } } } } },
      toolbarSections: { primary: { $set: [] }, 'viewportActionMenu.topRight': { $set: ['MoreTools'] } },
    },
  };
}

// OHIF takes the token of a share out of the address bar and forgets it when it is loaded again, as phones do with a tab
// that was out of sight. The page of the share has left it in the tab.
if (window.location.pathname.startsWith('/shares/')) {
  const address = new URL(window.location);
  const token = window.sessionStorage.getItem('token');
  if (token && !address.searchParams.has('token')) {
    address.searchParams.set('token', token);
    window.history.replaceState(null, '', address);
  }
}
