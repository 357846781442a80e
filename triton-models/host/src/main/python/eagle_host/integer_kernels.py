"""Whether this CPU multiplies unsigned activations by signed weights exactly.

Without VNNI or AMX the kernels add pairs of products in 16 bits, and extreme values saturate; the unsigned form of the weights
is exact there. The same test as io.quarkiverse.eagle.onnxruntime.IntegerKernels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

DEPTH = 64
WIDTH = 64
ROWS = (1, 2, 16, 64)
"""Rows per product: one, few, and enough for the kernels of large steps."""
_EVEN_ANSWER = (255 - 128) * 127 * DEPTH
_ODD_ANSWER = (255 - 128) * -128 * DEPTH


def signed_is_exact(known_answer: Path, options: onnxruntime.SessionOptions) -> bool:
    """Multiplies rows of 255 around zero point 128 by the known-answer graph's extreme weights."""
    session = onnxruntime.InferenceSession(str(known_answer), options, providers=["CPUExecutionProvider"])
    return all(is_right(session.run(None, {"rows": np.full((rows, DEPTH), 255, np.uint8)})[0]) for rows in ROWS)


def is_right(product: np.ndarray) -> bool:
    """``product`` is int32 [rows, WIDTH]."""
    return bool((product[:, 0::2] == _EVEN_ANSWER).all() and (product[:, 1::2] == _ODD_ANSWER).all())
