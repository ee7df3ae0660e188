"""Models of the Hugging Face hub: from its cache, or fetched."""

from __future__ import annotations

import os
from pathlib import Path

from grounding.errors import ModelError

_OTHER_FORMATS = ["*.h5", "*.msgpack", "*.ot", "*.tflite", "onnx/*", "openvino/*", "coreml/*", "*.onnx", "*.gguf"]


def folder_of(name: str, *, seam: str, instead: str) -> Path:
    """The folder of the model `organisation/model`, fetched first if it is not in the hub's cache; it has the name of
    the model's revision. Raises ModelError that names the seam and what may be used `instead`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        try:
            return Path(snapshot_download(name, ignore_patterns=_OTHER_FORMATS))
        except (HfHubHTTPError, LocalEntryNotFoundError, ValueError, OSError) as error:
            raise ModelError(_not_found(name, error, seam=seam, instead=instead)) from error


def _not_found(name: str, error: Exception, *, seam: str, instead: str) -> str:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    why = "HF_HUB_OFFLINE is set" if offline else f"the hub answered: {type(error).__name__}"
    return (
        f"{seam} {name!r}: there is no such folder, it is not in the Hugging Face cache, and it cannot be fetched "
        f"({why}). Fetch it where there is a network with  hf download {name}  , or name a folder that holds it, "
        f"or use {instead!r}, which needs no download"
    )
