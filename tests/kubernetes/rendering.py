"""Renders the Kustomize features that `infra/kubernetes` uses, so that its tests need no program; others are refused.

`test_rendering.py` compares it with `kubectl kustomize` where that is installed.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "images", "patches"}


def render(folder: Path) -> list[Manifest]:
    """Build the manifests of a folder with a `kustomization.yaml`.

    Raises:
        ValueError: It uses a feature that is not rendered here.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if unknown := set(kustomization) - _KNOWN:
        raise ValueError(f"{folder.name} uses {', '.join(sorted(unknown))}, which is not rendered here")
    manifests = [manifest for name in kustomization.get("resources", ()) for manifest in _read(folder / name)]
    for patch in kustomization.get("patches", ()):
        _patch(manifests, patch)
    for manifest in manifests:
        if namespace := kustomization.get("namespace"):
            manifest["metadata"]["namespace"] = namespace
        for label in kustomization.get("labels", ()):
            _label(manifest, label)
        for image in kustomization.get("images", ()):
            _tag(manifest, image)
    return manifests


def _read(path: Path) -> list[Manifest]:
    if path.is_dir():
        return render(path)
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def _patch(manifests: list[Manifest], patch: Mapping[str, Any]) -> None:
    target = patch["target"]
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] == target["kind"] and manifest["metadata"]["name"] == target["name"]
    ]
    if not found:
        raise ValueError(f"a patch is meant for {target}, which there is not")
    for operation in yaml.safe_load(patch["patch"]):
        for manifest in found:
            _apply(manifest, operation)


def _apply(manifest: Manifest, operation: Mapping[str, Any]) -> None:
    """Carry out one operation of a JSON patch (RFC 6902)."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    place: Any = manifest
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    value = copy.deepcopy(operation["value"])
    if operation["op"] == "replace":
        key = int(last) if isinstance(place, list) else last
        place[key]  # what is replaced is there
        place[key] = value
    elif operation["op"] == "add" and last == "-":
        place.append(value)
    elif operation["op"] == "add" and isinstance(place, dict):
        place[last] = value
    else:
        raise ValueError(f"the operation {operation} is not rendered here")


def _label(manifest: Manifest, label: Mapping[str, Any]) -> None:
    """Add labels; with `includeSelectors` to what selects and is selected too."""
    places = [manifest["metadata"].setdefault("labels", {})]
    spec = manifest.get("spec", {})
    if "template" in spec:
        places.append(spec["template"]["metadata"].setdefault("labels", {}))
    if label.get("includeSelectors"):
        places += _selectors(manifest["kind"], spec)
    for place in places:
        place.update(label["pairs"])


def _selectors(kind: str, spec: Mapping[str, Any]) -> list[dict[str, str]]:
    if kind == "Service":
        return [spec["selector"]]
    if kind == "Deployment":
        pod = spec["template"]["spec"]
        spread = [constraint["labelSelector"] for constraint in pod.get("topologySpreadConstraints", ())]
        return [selector["matchLabels"] for selector in (spec["selector"], *spread)]
    if kind == "PodDisruptionBudget":
        return [spec["selector"]["matchLabels"]]
    if kind == "NetworkPolicy":
        return [spec["podSelector"]["matchLabels"]]
    return []


def _tag(manifest: Manifest, image: Mapping[str, str]) -> None:
    for container in manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
        if container["image"].partition(":")[0] == image["name"]:
            container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
