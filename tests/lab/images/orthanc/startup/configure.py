# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write /tmp/orthanc.json from files, environment and secrets, with the traps of the upstream image kept.

Later sources win and dictionaries are merged; a list replaces a list.
"""

import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STAND_INS = "/usr/share/orthanc/lab/main.py"
ROOT_DEFAULTS = {
    "StorageDirectory": "/var/lib/orthanc/db",
    "RemoteAccessAllowed": True,
    "AuthenticationEnabled": True,
    "HttpsCACertificates": "/etc/ssl/certs/ca-certificates.crt",
    "Plugins": ["/run/orthanc/plugins", "/usr/share/orthanc/plugins"],
}


def log(level, text):
    print(f"{level}: {text}", flush=True)


def substitute(text, environment, arguments):
    """Replace $NAME first, then ${NAME}, ${NAME-default} and ${NAME:-default}; a number names an argument.

    An unset name becomes nothing, silently: the reason why a password in a JSON file may lose its dollar.
    """

    def value_of(name, default=None):
        if name.isdigit():
            return arguments[int(name)] if int(name) < len(arguments) else default
        return environment.get(name, default)

    def plain(found):
        return value_of(found["name"], "")

    def braced(found):
        if found["operator"] is None:
            return value_of(found["name"], "")
        default = re.sub(bare, plain, found["default"])
        value = value_of(found["name"])
        return default if value is None or (found["operator"] == ":-" and not value) else value

    bare = r"(?<!\\)\$(?P<name>\w+)"
    in_braces = r"(?<!\\)\$\{(?P<name>\w+)(?:(?P<operator>:?-)(?P<default>[^}]+))?\}"
    text = re.sub(bare, plain, text, flags=re.ASCII)
    return re.sub(in_braces, braced, text, flags=re.ASCII)


def without_comments(text):
    """Drop // and /* */ outside of strings."""
    parts = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|//[^\n]*|/\*.*?\*/""", re.DOTALL)
    return parts.sub(lambda found: " " if found[0].startswith("/") else found[0], text)


def typed(text):
    """A scalar from the environment or a secret is JSON if it can be: 12345678 becomes a number."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def capitalized(token):
    """MAXIMUM_STORAGE_SIZE becomes MaximumStorageSize; an acronym needs one letter per word."""
    return "".join(word[0] + word[1:].lower() for word in token.split("_"))


def merge(target, source, origin, overwrite=True, path=()):
    for key, value in source.items():
        where = (*path, key)
        if isinstance(value, dict) and key in target:
            merge(target[key], value, origin, overwrite, where)
        elif key not in target:
            target[key] = value
        elif overwrite:
            log("WARNING", f"{'.'.join(where)} was defined before; {origin} overwrites it")
            target[key] = value


class Configuration:
    def __init__(self, environment, arguments):
        self.environment = environment
        self.arguments = arguments
        self.plugins = json.loads((HERE / "plugins.json").read_text())
        self.names = json.loads((HERE / "names.json").read_text())
        self.settings = {}
        self.errors = False
        self.deprecated = []
        self.switched = {}
        self.secret_names = {}

    # Sources, in the order in which they are read

    def read_files(self, paths):
        for path in paths:
            text = substitute(Path(path).read_text(), self.environment, self.arguments)
            try:
                content = json.loads(without_comments(text))
            except ValueError:
                # Upstream goes on with what it read before, or breaks if there was nothing before.
                log("ERROR", f"Unable to parse Json file '{path}'; check syntax")
            merge(self.settings, content, f"file {path}")

    def read_environment(self):
        for name, value in self.environment.items():
            if name == "ORTHANC_JSON":
                self.read_inline(value)
            elif name.endswith("_SECRET"):
                self.secret_names[value] = name.removesuffix("_SECRET")
            elif self.is_setting(name):
                self.set(name, value, "variable")
            else:
                self.switch(name, value != "false")

    def read_inline(self, text):
        try:
            content = json.loads(without_comments(text))
        except ValueError:
            log("ERROR", "Unable to parse the ORTHANC_JSON variable, probably due to an invalid JSON syntax")
            self.errors = True
            return
        merge(self.settings, content, "ORTHANC_JSON")

    def read_secrets(self, directory):
        for path in directory.glob("[!.]*"):
            if not path.is_file():
                continue
            # Every file is read as text, also those that no setting is named after.
            value = path.read_text().rstrip("\n")
            name = self.secret_names.get(path.name, path.name)
            if self.is_setting(name):
                self.set(name, value, "secret")

    # What a name means

    def is_setting(self, name):
        return name.startswith("ORTHANC__") or name in self.names["aliases"] or name in self.names["legacy"]

    def path_of(self, name):
        if name in self.names["aliases"]:
            return self.names["aliases"][name].split(".")
        for prefix, section in self.names["prefixes"].items():
            if name.startswith(prefix):
                return [section, *map(capitalized, name.removeprefix(prefix).split("__"))]
        return [capitalized(token) for token in name.removeprefix("ORTHANC__").split("__")]

    def set(self, name, text, kind):
        if name in self.names["legacy"]:
            self.deprecated.append(name)
            return
        value = typed(text)
        for token in reversed(self.path_of(name)):
            value = {token: value}
        merge(self.settings, value, f"{kind} {name}")

    def switch(self, variable, on):
        for name, plugin in self.plugins.items():
            if variable in (plugin["variable"], plugin.get("legacy")):
                self.switched[name] = on
                if variable == plugin.get("legacy"):
                    self.deprecated.append(variable)

    # Plugins

    def enabled(self):
        names = []
        for name, plugin in self.plugins.items():
            # The section of OHIF is not called like its plugin, so it enables nothing.
            mentioned = not plugin.get("variable_required") and (
                name in self.settings or plugin.get("root_setting") in self.settings
            )
            switched = self.switched.get(name)
            if switched is not False and (switched or mentioned or plugin.get("always")):
                names.append(name)
        return names

    def finish(self):
        """Defaults fill what is still missing; returns the libraries that Orthanc is to load."""
        merge(self.settings, ROOT_DEFAULTS, "defaults", overwrite=False)
        libraries, stand_ins = [], []
        for name in self.enabled():
            plugin = self.plugins[name]
            merge(
                self.settings, {name: plugin["defaults"]} if "defaults" in plugin else {}, "defaults", overwrite=False
            )
            libraries += plugin.get("libraries", [])
            if "stand_in" in plugin:
                stand_ins.append(plugin["stand_in"])
            elif "libraries" not in plugin:
                log("ERROR", f"the lab has no {name} plugin")
                self.errors = True
        if stand_ins:
            self.host(stand_ins)
            libraries.append("libOrthancPython.so")
        return libraries

    def host(self, stand_ins):
        """The stand-ins share the Python plugin; a script of the site's own is loaded beside them."""
        own_script = self.settings.get("PythonScript")
        self.settings.update({"PythonScript": STAND_INS, "LabStandIns": stand_ins, "LabOwnScript": own_script})

    def add_password(self):
        password = self.environment.get("ORTHANC_PASSWORD")
        if password:
            self.settings.setdefault("RegisteredUsers", {})["orthanc"] = password

    def adapt(self):
        """Debian's Orthanc is older than the upstream image's: translate what it can't read."""
        overwrite = self.settings.get("OverwriteInstances")
        if isinstance(overwrite, str):
            self.settings["OverwriteInstances"] = overwrite != "Never"
            log("WARNING", f'lab: OverwriteInstances "{overwrite}" is read as {overwrite != "Never"} by this Orthanc')

    def has_bad_users(self):
        """Newer Orthancs than Debian's stop at a password that isn't a text."""
        users = self.settings.get("RegisteredUsers", {})
        return not isinstance(users, dict) or not all(isinstance(password, str) for password in users.values())

    def lacks_users(self):
        remote = self.settings.get("RemoteAccessAllowed", True)
        authenticated = self.settings.get("AuthenticationEnabled", True)
        return remote and authenticated and not self.settings.get("RegisteredUsers")


def install(libraries):
    """Put the enabled plugins where Orthanc looks for them; they may be there already after a restart."""
    target = Path("/run/orthanc/plugins")
    if not target.is_dir():
        target = Path("/usr/share/orthanc/plugins")
    for library in dict.fromkeys(libraries):
        if not (target / library).exists():
            (target / library).symlink_to(f"/usr/share/orthanc/plugins-available/{library}")


def main():
    configuration = Configuration(os.environ, sys.argv)
    secrets = Path("/run/secrets")
    configuration.read_files([*Path("/etc/orthanc").glob("[!.]*.json"), *secrets.glob("[!.]*.json")])
    configuration.read_environment()
    configuration.read_secrets(secrets)
    libraries = configuration.finish()

    if os.environ.get("VERBOSE_STARTUP") in ("", "true"):
        print(json.dumps(configuration.settings, indent=2))
    if configuration.deprecated:
        log("ERROR", "deprecated settings, Orthanc refuses to start with them: " + ", ".join(configuration.deprecated))
        sys.exit(-2)
    if configuration.errors:
        log("ERROR", "There were some errors while preparing the configuration file for Orthanc.")
        sys.exit(-1)
    configuration.add_password()
    if configuration.lacks_users():
        log(
            "ERROR",
            "HTTP authentication is enabled and remote access is allowed, but no user is declared. "
            "Declare one in RegisteredUsers, or set ORTHANC_PASSWORD, or disable the authentication.",
        )
        sys.exit(-3)

    install(libraries)
    configuration.adapt()
    # The upstream image has written its configuration by now, and Orthanc itself refuses it.
    bad_users = configuration.has_bad_users()
    with open("/tmp/orthanc.json", "w", encoding="utf-8") as file:
        json.dump(configuration.settings, file, indent=2)
    if bad_users:
        log("ERROR", "Badly formatted list of users")
        sys.exit(-1)


if __name__ == "__main__":
    main()
