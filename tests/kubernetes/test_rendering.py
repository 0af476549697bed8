"""The renderer of the tests builds what `kubectl kustomize` builds."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.rendering import Manifest, render

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ROOT / "infra" / "kubernetes" / "overlays"


def by_name(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_it_builds_what_kustomize_builds(overlay: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; the rendered manifests are checked all the same")
    done = subprocess.run(
        ["kubectl", "kustomize", str(OVERLAYS / overlay)], capture_output=True, text=True, check=True, timeout=60
    )
    assert by_name(render(OVERLAYS / overlay)) == by_name(list(yaml.safe_load_all(done.stdout)))


def kustomization(folder: Path, **content: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return folder


def test_a_feature_that_it_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="commonAnnotations"):
        render(kustomization(tmp_path, commonAnnotations={"a": "b"}))


def test_a_patch_for_nothing_is_refused(tmp_path: Path) -> None:
    patch = {"target": {"kind": "Deployment", "name": "nobody"}, "patch": "[]"}
    with pytest.raises(ValueError, match="nobody"):
        render(kustomization(tmp_path, patches=[patch]))


def test_a_patch_replaces_only_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "thing.yaml").write_text("kind: Thing\nmetadata: {name: one}\nspec: {size: 1}\n")
    patch = {"target": {"kind": "Thing", "name": "one"}, "patch": "[{op: replace, path: /spec/sise, value: 2}]"}
    with pytest.raises(KeyError):
        render(kustomization(tmp_path, resources=["thing.yaml"], patches=[patch]))
