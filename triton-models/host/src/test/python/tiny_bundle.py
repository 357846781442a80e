"""Bundles of made-up files, as the graph builder's manifest would describe them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

NO_CHECKSUM = '"checksum" : null'
TABLE = bytes(range(16))


def graph(kind: str, file: str, **changes: Any) -> dict[str, Any]:
    return {"kind": kind, "file": file, "unsigned_file": None, "layers": 2, "kv_heads": 2, "head_dim": 4,
            "kv_type": "float32", "feature_size": 3, "top_k": 5, "vocabulary": 50, "max_rows": 8, "signed": [], "shared": [],
            **changes}


def write(folder: Path, **changes: Any) -> Path:
    """A bundle of 4 slots, 32 tokens and 100 token ids, with a draft that borrows a table of the target."""
    contents = {"target/model.onnx": b"a target", "target/weights.bin": TABLE, "draft/model.onnx": b"a draft",
                "draft/weights.bin": b"its weights", "tokenizer.json": b"{}"}
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    table = {"name": "embedding", "type": "float16", "shape": [2, 3], "file": "target/weights.bin", "offset": 4, "length": 12}
    manifest = {"format_version": 1, "name": "tiny", "target": "onnxruntime", "precision": "fp32", "update": "in-place",
                "max_length": 32, "slots": 4, "model": {"vocabulary": 100}, "known_answer": None,
                "target_graph": graph("target", "target/model.onnx"),
                "draft_graph": graph("eagle", "draft/model.onnx", vocabulary=20, shared=[table]),
                "files": [{"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                          for path, content in contents.items()], **changes}
    write_manifest(folder, manifest)
    return folder


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Formats it as the graph builder does: the checksum is that of the text without one."""
    text = json.dumps({**manifest, "checksum": None}, indent=2, separators=(",", " : "))
    checksum = hashlib.sha256(text.encode()).hexdigest()
    (folder / "bundle.json").write_text(text.replace(NO_CHECKSUM, f'"checksum" : "{checksum}"') + "\n")
