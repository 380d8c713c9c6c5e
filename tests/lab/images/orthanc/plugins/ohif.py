# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the OHIF viewer."""

import mimetypes
from pathlib import Path

import labkit
import orthanc

ROOT_URI = "/ohif/"
FOLDER = Path("/usr/share/orthanc/ohif")
# The modes are routes of the single-page application.
PAGES = {"", "viewer", "segmentation", "tmtv", "microscopy"}
TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css", ".json": "application/json"}
# SharedArrayBuffer exists only in pages with these.
HEADERS = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# The plugin's own settings, for a site that has none.
DEFAULT_CONFIG = """
window.config = {
  extensions: [],
  modes: [],
  customizationService: {},
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  omitQuotationForMultipartRequest: true,
  showWarningMessageForCrossOrigin: true,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  maxNumRequests: { interaction: 100, thumbnail: 75, prefetch: 25 },
};
"""

# What the plugin sets, whatever the settings say.
SYSTEM_CONFIG = """
Object.assign(window.config, {{
  routerBasename: {basename},
  defaultDataSourceName: 'dicomweb',
  dataSources: [{{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'dicomweb',
    configuration: {{
      friendlyName: 'Orthanc DICOMweb',
      name: 'orthanc',
      wadoUriRoot: '../dicom-web',
      qidoRoot: '../dicom-web',
      wadoRoot: '../dicom-web',
      qidoSupportsIncludeField: false,
      supportsReject: false,
      supportsFuzzyMatching: false,
      supportsWildcard: true,
      imageRendering: 'wadors',
      thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true,
      staticWado: true,
      singlepart: 'bulkdata,video',
      acceptHeader: ['multipart/related; type=application/octet-stream; transfer-syntax=*'],
      bulkDataURI: {{ enabled: true, relativeResolution: 'studies' }},
    }},
  }}],
}});
"""


def app_config():
    settings = labkit.section("OHIF")
    basename = labkit.text_setting(settings, "RouterBasename", "/ohif/")
    source = labkit.text_setting(settings, "DataSource", "dicom-web")
    own = labkit.text_setting(settings, "UserConfiguration")
    if source == "dicom-json":
        raise ValueError("the lab's OHIF knows the data source dicom-web only")
    if source != "dicom-web":
        raise ValueError(f"OHIF.DataSource must be dicom-web or dicom-json, but is {source}")
    if not basename.endswith("/"):
        basename += "/"
    settings_of_the_site = Path(own).read_text() if own else DEFAULT_CONFIG
    return settings_of_the_site + SYSTEM_CONFIG.format(basename=repr(basename))


def register():
    config = app_config()

    def serve(output, request, name=""):
        for header, value in HEADERS.items():
            output.SetHttpHeader(header, value)
        if name == "app-config.js":
            output.AnswerBuffer(config, "text/javascript")
            return
        path = (FOLDER / ("index.html" if name in PAGES else name)).resolve()
        if not path.is_relative_to(FOLDER) or not path.is_file():
            raise labkit.Refused(404, f"Unknown static resource: {name}")
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        output.AnswerBuffer(path.read_bytes(), kind)

    labkit.route("/ohif", "GET", serve)
    labkit.route("/ohif/(.*)", "GET", serve)
    if "libOrthancDicomWeb.so" not in loaded_libraries():
        orthanc.LogError("The OHIF plugin requires the DICOMweb plugin")


def loaded_libraries():
    folders = labkit.CONFIGURATION.get("Plugins", [])
    return {path.name for folder in folders for path in Path(folder).glob("*.so")}
