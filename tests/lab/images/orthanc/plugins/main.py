# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the stand-ins that the configuration asks for, and list them beside the real plugins."""

import importlib
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import labkit
import orthanc

MODULES = {
    "authorization": "authorization",
    "orthanc-explorer-2": "explorer",
    "ohif": "ohif",
    "stl": "stl",
}
stand_ins = {}


def list_plugins(output, request):
    labkit.answer_json(output, [*labkit.get("/plugins"), *stand_ins])


def describe_plugin(output, request, name):
    if name in stand_ins:
        labkit.answer_json(output, stand_ins[name])
        return
    real = labkit.get(f"/plugins/{name}")
    if real is None:
        raise labkit.Refused(404, "Unknown resource")
    labkit.answer_json(output, real)


for name in labkit.CONFIGURATION["LabStandIns"]:
    module = importlib.import_module(MODULES[name])
    module.register()
    stand_ins[name] = {
        "ID": name,
        "Version": labkit.VERSION,
        "Description": f"Lab stand-in: {module.__doc__.splitlines()[0]}",
        "RootUri": getattr(module, "ROOT_URI", ""),
        "ExtendsOrthancExplorer": False,
    }
    orthanc.LogWarning(f"lab: stand-in of the plugin '{name}' is loaded (version {labkit.VERSION})")

labkit.route("/plugins", "GET", list_plugins)
# explorer.js, which Orthanc serves below /plugins too, stays its own.
labkit.route(r"/plugins/((?!explorer\.js$)[^/]+)", "GET", describe_plugin)

if labkit.CONFIGURATION.get("LabOwnScript"):
    runpy.run_path(labkit.CONFIGURATION["LabOwnScript"], run_name="__main__")
