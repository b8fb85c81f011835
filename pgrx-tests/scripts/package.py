"""Checks META.json and the Dockerfile without a registry. Called by package.sh.

meta        META.json is as the PGXN Meta Spec 1.0.0 asks for
dockerfile  the Dockerfile can be read, and what it names is there; the build stage's files are put into a directory
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
TERM = re.compile(r"[^\s/\\\x00-\x1f]{2,}")
LICENSES = """agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1
    lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted
    unrestricted unknown""".split()
KEYS = """name version abstract maintainer license provides meta-spec description generated_by tags no_index prereqs
    release_status resources""".split()
# What the official images set.
PROVIDED = {"postgres": {"PG_MAJOR"}, "rust": set()}

wrong = []


def expect(condition, message):
    if not condition:
        wrong.append(message)
    return condition


def text(value):
    return isinstance(value, str) and value.strip() != ""


def check_meta():
    meta = json.loads(pathlib.Path("META.json").read_text())
    manifest = pathlib.Path("Cargo.toml").read_text()
    cargo = dict(re.findall(r'^(\w+) = "(.*)"$', manifest.split("\n[")[0], re.M))
    for key in ("name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"):
        expect(key in meta, f"META.json has no {key}")
    for key in meta:
        expect(key in KEYS or key.lower().startswith("x_"), f"META.json has the unknown key {key}")
    if wrong:
        return
    expect(TERM.fullmatch(meta["name"]) and meta["name"] == cargo["name"], "name is not the extension's")
    expect(SEMVER.fullmatch(meta["version"]) and meta["version"] == cargo["version"], "version is not that of Cargo.toml")
    expect(text(meta["abstract"]) and meta["abstract"] == cargo["description"], "abstract is not that of Cargo.toml")
    maintainers = meta["maintainer"] if isinstance(meta["maintainer"], list) else [meta["maintainer"]]
    expect(maintainers and all(map(text, maintainers)), "maintainer is no name")
    expect(meta["license"] in LICENSES and meta["license"] == cargo["license"].lower(), "license is not that of Cargo.toml")
    expect(meta["meta-spec"].get("version") == "1.0.0", "meta-spec is not 1.0.0")
    expect(meta.get("release_status", "stable") in ("stable", "testing", "unstable"), "release_status is unknown")
    expect(all(map(text, meta.get("tags", ["none"]))), "tags are no names")
    expect(list(meta["provides"]) == [cargo["name"]], "provides another extension")
    for name, extension in meta["provides"].items():
        expect(SEMVER.fullmatch(extension.get("version", "")) and extension["version"] == cargo["version"],
               f"version of {name} is not that of Cargo.toml")
        for key in ("file", "docfile"):
            expect(pathlib.Path(extension.get(key, "none")).is_file(), f"{key} of {name} is not there")
    oldest = min(map(int, re.findall(r"^pg(\d+) = ", manifest, re.M)))
    expect(meta["prereqs"]["runtime"]["requires"]["PostgreSQL"] == f"{oldest}.0.0", "prereqs has another PostgreSQL")


def instructions(path):
    joined = re.sub(r"\\\n", " ", "\n".join(l for l in path.read_text().splitlines() if not l.lstrip().startswith("#")))
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest.strip()


def copy(words, workdir, stages, context):
    """One COPY: from a stage that is there, or of paths that git keeps."""
    sources, destination = words[:-1], words[-1]
    if sources and sources[0].startswith("--from="):
        expect(sources[0][7:] in stages, f"COPY from {sources[0][7:]}, which is no stage before it")
        return sources[1:], destination
    for source in sources:
        kept = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", source],
                              capture_output=True, text=True)
        files = kept.stdout.split("\n")[:-1] if kept.returncode == 0 else [
            str(p) for p in [pathlib.Path(source), *pathlib.Path(source).rglob("*")] if p.is_file()]
        expect(files, f"COPY of {source}, which is not there")
        for file in files:
            if pathlib.Path(source).is_dir():
                target = context / destination / pathlib.Path(file).relative_to(source)
            else:
                target = context / destination / pathlib.Path(file).name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    return sources, destination


def check_dockerfile(context):
    setup = pathlib.Path(".ci/setup").read_text()
    min_rust = re.search(r"^min_rust=(\S+)", setup, re.M)[1]
    globals_, stages, known, image, workdir, packaged = set(), [], set(), None, "/", None
    for word, rest in instructions(pathlib.Path("Dockerfile")):
        expect(word in ("ARG", "FROM", "COPY", "RUN", "ENV", "WORKDIR"), f"{word} is not expected")
        if word == "ARG":
            (known if image else globals_).add(rest.split("=")[0])
            continue
        if not expect(image or word == "FROM", f"{word} before the first FROM"):
            continue
        variables = {name for pair in re.findall(r"\$(?:\{(\w+)\}|(\w+))", rest) for name in pair if name}
        expect(variables <= (globals_ if word == "FROM" else known), f"{word} {rest}: a variable is not set")
        if word == "FROM":
            form = re.fullmatch(r"(\w+):(\S+)-bookworm(?: AS (\w+))?", rest)
            if not expect(form and form[1] in PROVIDED, f"FROM {rest} is no official image of Debian 12"):
                continue
            image, workdir, known = form[1], "/", set(PROVIDED[form[1]])
            if image == "rust":
                expect(form[2] == f"{min_rust}-slim", f"Rust {form[2]} is not the one that .ci/setup asks for")
            else:
                expect(form[2] == "${PG}", f"PostgreSQL {form[2]} cannot be chosen")
            stages.append(form[3])
        elif word == "ENV":
            known |= {pair.split("=")[0] for pair in rest.split()}
        elif word == "WORKDIR":
            workdir = rest
        elif word == "COPY":
            sources, _ = copy(rest.split(), workdir, stages[:-1], context)
            if rest.startswith("--from=build"):
                expect(sources == [packaged], f"COPY of {sources}, but the package is in {packaged}")
        elif word == "RUN":
            expect(subprocess.run(["bash", "-n", "-c", rest]).returncode == 0, f"RUN {rest} is no shell")
            for script in re.findall(r"\.ci/\w+", rest):
                expect((context / script).is_file() and (context / script).stat().st_mode & 0o111,
                       f"RUN {script}, which is not there")
                if script == ".ci/package":
                    packaged = f"{workdir}/target/package"
    expect(image == "postgres" and stages[-1] is None, "the image is not of PostgreSQL")
    expect(packaged, "nothing is packaged")


if sys.argv[1] == "meta":
    check_meta()
else:
    check_dockerfile(pathlib.Path(sys.argv[2]))
print("\n".join(f"not ok - {message}" for message in wrong) or f"ok - {sys.argv[1]}")
sys.exit(1 if wrong else 0)
