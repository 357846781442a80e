"""The engine host: runs one engine of a bundle inside Triton's Python backend and owns its KV pool.

``host`` is the whole service and knows no Triton; ``model.py`` beside this package connects the two.
"""
