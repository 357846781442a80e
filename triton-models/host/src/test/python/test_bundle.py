import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tiny_bundle
from eagle_host.bundle import Bundle, BundleError


class BundleTest(unittest.TestCase):
    def setUp(self) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self._temporary.cleanup)
        self.folder = tiny_bundle.write(Path(self._temporary.name))

    def test_reads_the_graph_of_its_role(self) -> None:
        draft = Bundle(self.folder, "draft")
        draft.verify()
        self.assertEqual(draft.graph.kind, "eagle")
        self.assertEqual(draft.graph.plan_file, "draft/model.plan")
        self.assertEqual(draft.tokens, 100)
        self.assertEqual(draft.pool_rows, 32 + 2 * 8)

    def test_maps_a_weight_of_another_engines_file(self) -> None:
        draft = Bundle(self.folder, "draft")
        mapped = draft.map(draft.graph.shared[0])
        self.assertEqual((mapped.shape, mapped.dtype), ((2, 3), np.float16))
        self.assertEqual(mapped.tobytes(), tiny_bundle.TABLE[4:])

    def test_refuses_a_file_that_was_changed(self) -> None:
        (self.folder / "target/weights.bin").write_bytes(tiny_bundle.TABLE[::-1])
        for role in ("target", "draft"):
            with self.subTest(role), self.assertRaisesRegex(BundleError, "weights.bin is damaged: its SHA-256 is"):
                Bundle(self.folder, role).verify()

    def test_refuses_a_file_that_was_cut(self) -> None:
        (self.folder / "draft/weights.bin").write_bytes(b"its")
        with self.assertRaisesRegex(BundleError, "has 3 bytes, its manifest says 11"):
            Bundle(self.folder, "draft").verify()

    def test_a_role_does_not_need_the_other_ones_files(self) -> None:
        (self.folder / "draft/weights.bin").unlink()
        (self.folder / "tokenizer.json").unlink()
        Bundle(self.folder, "target").verify()

    def test_refuses_a_manifest_that_was_edited(self) -> None:
        manifest = self.folder / "bundle.json"
        manifest.write_text(manifest.read_text().replace('"slots" : 4', '"slots" : 5'))
        with self.assertRaisesRegex(BundleError, "its checksum does not match"):
            Bundle(self.folder, "target")

    def test_refuses_other_formats_and_folders(self) -> None:
        with self.assertRaisesRegex(BundleError, "is no engine bundle"):
            Bundle(self.folder / "target", "target")
        tiny_bundle.write(self.folder, format_version=2)
        with self.assertRaisesRegex(BundleError, "format version 2; this host reads 1"):
            Bundle(self.folder, "target")
        tiny_bundle.write(self.folder, draft_graph=None)
        with self.assertRaisesRegex(BundleError, "no draft graph"):
            Bundle(self.folder, "draft")

    def test_refuses_a_graph_that_the_manifest_does_not_list(self) -> None:
        manifest = json.loads((self.folder / "bundle.json").read_text())
        manifest["files"] = [entry for entry in manifest["files"] if entry["path"] != "target/model.onnx"]
        tiny_bundle.write_manifest(self.folder, manifest)
        with self.assertRaisesRegex(BundleError, "does not list target/model.onnx"):
            Bundle(self.folder, "target").verify()
