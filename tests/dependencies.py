#!/usr/bin/env python3
"""Checks licences, banned crates and duplicate versions against tests/dependencies.toml.

It looks at what gets into the binary on this platform: the normal and build dependencies of the
workspace. Needs nothing but cargo and Python 3.11.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def cargo_graph():
    host = next(
        line.split()[1]
        for line in subprocess.check_output(["rustc", "-vV"], text=True).splitlines()
        if line.startswith("host:")
    )
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    return json.loads(subprocess.check_output(command, cwd=ROOT))


def shipped(graph):
    """The packages reachable from the workspace without development dependencies, own crates excluded."""
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    own = set(graph["workspace_members"])
    seen, queue = set(), collections.deque(own)
    while queue:
        at = queue.popleft()
        if at in seen:
            continue
        seen.add(at)
        for dep in nodes[at]["deps"]:
            if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
                queue.append(dep["pkg"])
    packages = {package["id"]: package for package in graph["packages"]}
    return [packages[id] for id in seen - own]


def allowed(expression, licences):
    """Whether an SPDX expression can be met with `licences`; `/` is the old spelling of OR."""
    tokens = re.findall(r"\(|\)|/|[^\s()/]+", expression)

    def alternatives():
        met = conjunction()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            met = conjunction() or met
        return met

    def conjunction():
        met = term()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = term() and met
        return met

    def term():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            token += f" {tokens.pop(0)} {tokens.pop(0)}"
        used.add(token)
        return token in licences

    used = set()
    return alternatives(), used


def complaints(packages, rules):
    licences, banned, duplicates = rules["licences"], rules["banned"], rules["duplicates"]
    used = set()
    versions = collections.defaultdict(set)
    for package in packages:
        name, version, licence = package["name"], package["version"], package["license"]
        versions[name].add(version)
        if name in banned:
            yield f"{name} {version} is banned: {banned[name]}"
        if not licence:
            yield f"{name} {version} names no licence"
            continue
        met, named = allowed(licence, licences)
        used |= named
        if not met:
            yield f"{name} {version}: licence `{licence}` is not among the allowed ones"
    for name, found in sorted(versions.items()):
        if len(found) > 1 and name not in duplicates:
            yield f"{name} is there in {len(found)} versions ({', '.join(sorted(found))}): unify them, or write down why not"
    for name in duplicates:
        if len(versions[name]) < 2:
            yield f"[duplicates] {name} no longer applies: remove it"
    for licence in licences:
        if licence not in used:
            yield f"[licences] {licence} no longer applies: remove it"


def app():
    """What the web app's first visit loads, by its lock file: the packages that are no development dependencies."""
    lock = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
    direct = sorted(lock[""]["dependencies"])
    shipped = {path.removeprefix("node_modules/"): package for path, package in lock.items() if path and not package.get("dev")}
    return direct, shipped


def app_complaints(direct, shipped, rules):
    most = rules["app"]["most_direct_packages"]
    if len(direct) > most:
        yield f"web: {len(direct)} direct packages, {most} are allowed: {', '.join(direct)}"
    licences = set(rules["licences"]) | set(rules["app"]["licences"])
    for name, package in shipped.items():
        if not allowed(package.get("license", ""), licences):
            yield f"web: {name} is under {package.get('license', 'no licence')!r}"


def main():
    rules = tomllib.loads((ROOT / "tests/dependencies.toml").read_text())
    packages = shipped(cargo_graph())
    direct, loaded = app()
    found = sorted([*complaints(packages, rules), *app_complaints(direct, loaded, rules)])
    for complaint in found:
        print(complaint)
    print(f"{len(packages)} crates and {len(loaded)} packages of the app checked, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
