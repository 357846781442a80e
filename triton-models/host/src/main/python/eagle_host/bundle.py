"""An engine bundle on disk: its manifest, and the check of every file that a role needs before it is used."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FORMAT_VERSION = 1
MANIFEST = "bundle.json"
_CHUNK = 8 << 20
_WEIGHT_TYPES = {"int8": np.int8, "float16": np.float16, "float32": np.float32, "bfloat16": np.uint16}


class BundleError(Exception):
    """The bundle is missing, damaged or does not fit; the message says what was found and what to do."""


@dataclass(frozen=True)
class Weight:
    """A weight inside one of the bundle's files; ``shape`` is row-major, ``offset`` and ``length`` are bytes."""

    name: str
    type: str
    shape: tuple[int, ...]
    file: str
    offset: int
    length: int


@dataclass(frozen=True)
class Graph:
    """One engine as the manifest describes it (io.quarkiverse.eagle.bundle.BundleManifest.Graph)."""

    kind: str
    file: str
    unsigned_file: str | None
    layers: int
    kv_heads: int
    head_dim: int
    kv_type: str
    feature_size: int
    top_k: int
    vocabulary: int
    max_rows: int
    signed: tuple[Weight, ...]
    shared: tuple[Weight, ...]

    @property
    def plan_file(self) -> str:
        """Where the TensorRT plan of this graph lies: beside the graph."""
        return str(Path(self.file).with_suffix(".plan"))


class Bundle:
    """An opened bundle, as one role sees it."""

    def __init__(self, folder: Path, role: str) -> None:
        """Reads and checks the manifest; ``role`` is ``target`` or ``draft``."""
        self.folder = folder
        self.role = role
        file = folder / MANIFEST
        if not file.is_file():
            raise BundleError(f"{folder} is no engine bundle: it has no {MANIFEST}")
        text = file.read_text(encoding="utf-8")
        try:
            self.manifest: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as e:
            raise BundleError(f"{file} is damaged: {e}; build the bundle again") from e
        version = self.manifest.get("format_version")
        if version != FORMAT_VERSION:
            raise BundleError(f"{file} has format version {version}; this host reads {FORMAT_VERSION}; build the bundle again")
        if _checksum(text) != self.manifest["checksum"]:
            raise BundleError(f"{file} is damaged: its checksum does not match its fields; build the bundle again")
        described = self.manifest.get(f"{role}_graph")
        if described is None:
            raise BundleError(f"{folder} has no {role} graph; build it with --head, or serve its target alone")
        self.graph = _graph(described)

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def tokens(self) -> int:
        """Ids that a row may carry: the target's whole vocabulary, for a draft too."""
        return self.manifest["model"]["vocabulary"]

    @property
    def pool_rows(self) -> int:
        """Rows of a slot: padding and parked slots write past the last token."""
        return self.manifest["max_length"] + 2 * self.graph.max_rows

    def file(self, path: str) -> Path:
        return self.folder / path

    def sha256(self, path: str) -> str | None:
        """What the manifest says of a file; None for one that it does not list."""
        return next((entry["sha256"] for entry in self.manifest["files"] if entry["path"] == path), None)

    def verify(self) -> None:
        """Checks size and SHA-256 of every file that this role reads."""
        needed = {entry["path"]: entry for entry in self.manifest["files"] if self._reads(entry["path"])}
        for path in {self.graph.file, *(weight.file for weight in self.graph.shared)}:
            if path not in needed:
                raise BundleError(f"{self.folder / MANIFEST} does not list {path}; build the bundle again")
        for path, entry in needed.items():
            _verify(self.file(path), entry["size"], entry["sha256"])

    def _reads(self, path: str) -> bool:
        return (Path(path).parent == Path(self.graph.file).parent or path == self.manifest.get("known_answer")
                or any(weight.file == path for weight in self.graph.shared))

    def map(self, weight: Weight) -> np.ndarray:
        """A weight as it lies in its file, mapped and read-only; bfloat16 comes as uint16."""
        return np.memmap(self.file(weight.file), dtype=_WEIGHT_TYPES[weight.type], mode="r", offset=weight.offset,
                         shape=weight.shape)


def _checksum(text: str) -> str:
    """SHA-256 over the manifest as its writer formatted it, with no checksum in it."""
    fields = re.sub(r'("checksum" : )"[0-9a-f]*"', r"\1null", text.rstrip("\n"))
    return hashlib.sha256(fields.encode("utf-8")).hexdigest()


def _graph(described: dict[str, Any]) -> Graph:
    fields = {name: described.get(name) for name in Graph.__dataclass_fields__}
    for name in ("signed", "shared"):
        fields[name] = tuple(Weight(**{**weight, "shape": tuple(weight["shape"])}) for weight in fields[name] or ())
    return Graph(**fields)


def _verify(file: Path, size: int, sha256: str) -> None:
    if not file.is_file():
        raise BundleError(f"the bundle lacks {file}; build it again")
    if file.stat().st_size != size:
        raise BundleError(f"{file} is damaged: it has {file.stat().st_size} bytes, its manifest says {size}; build it again")
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise BundleError(f"{file} is damaged: its SHA-256 is {digest.hexdigest()}, its manifest says {sha256}; build it again")
