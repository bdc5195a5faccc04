"""The three ways to make a step: Study, and Tuned on whole frames or on the unit's window. step.py says what they are.

All have: spectrum, channels, place(draw), evaluate(draw) -> values, with the gradient of the loss in spectrum.grad,
step(draw), prepare(), mode.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from image import (
    MEAN,
    STD,
    Draw,
    FrameImage,
    FrameTransforms,
    Resampler,
    WindowImage,
    WindowTransforms,
    frequency_scale,
    image_of,
    scaled_frame,
    study_transforms,
)
from network import TunedNetwork, window_of

CASES = json.loads((Path(__file__).parent.parent / "cases.json").read_text())["step"]


def centre(y, channels):
    """The values of unit channels[n] in the middle of sample n."""
    return y[torch.arange(len(channels), device=y.device), channels, y.shape[2] // 2, y.shape[3] // 2]


class Study:
    """Lucent's loop: image, transforms, the whole model, backward into spectrum and weights, Adam on the spectrum."""

    def __init__(self, model, case, spectra, device):
        self.model, self.case, self.mode = model.to(device), case, "eager"
        self.spectrum = spectra.clone().to(device).requires_grad_(True)
        self.channels = torch.tensor(case["channels"], device=device)
        self.scale = frequency_scale(CASES["size"]).float().to(device)
        self.optimizer = torch.optim.Adam([self.spectrum], lr=CASES["learningRate"])

    def objective(self, draw):
        x = study_transforms(image_of(self.spectrum, self.scale), draw, self.case["jitter"])
        return centre(self.model(x, self.case["tap"]), self.channels)

    def evaluate(self, draw):
        self.optimizer.zero_grad()
        values = self.objective(draw)
        (-values.sum()).backward()
        return values

    def step(self, draw):
        self.evaluate(draw)
        self.optimizer.step()

    def place(self, draw):
        pass

    def prepare(self):
        pass


class Tuned:
    """Whole frames, or with `valid` the unit's window. On CUDA the step is a graph per shape; maps are its input."""

    def __init__(self, model, case, spectra, device, valid):
        self.case, self.valid, self.cuda = case, valid, device.type == "cuda"
        size, jitter = CASES["size"], case["jitter"]
        self.spectrum = spectra.clone().to(device).requires_grad_(True)
        self.channels = torch.tensor(case["channels"], device=device)
        self.network = TunedNetwork(model, case["tap"], valid).to(device)
        self.run_network = self.network
        self.transforms = (
            WindowTransforms(CASES, jitter, lambda frame: window_of(case["tap"], frame))
            if valid
            else FrameTransforms(CASES, jitter)
        )
        lo, hi = (edge - (jitter if jitter >= 4 else 0) for edge in (self.transforms.start, self.transforms.end))
        self.inside = valid and lo >= 0 and hi <= size
        start, rows = (lo, hi - lo) if self.inside else (0, size)
        self.render = (WindowImage if rows <= size // 2 else FrameImage)(size, start, rows, device)
        self.resample = Resampler(device)
        self.maps = torch.zeros(4, 2, 3, device=device)
        self.optimizer = torch.optim.Adam([self.spectrum], lr=CASES["learningRate"], capturable=self.cuda)
        self.graphs, self.mode = {}, "eager"

    def image(self):
        image = self.render(self.spectrum)
        if self.inside:
            return image
        if self.transforms.moves:
            image = F.pad(image, [self.case["jitter"]] * 4, mode="reflect")
        start, end = self.transforms.start, self.transforms.end
        return image if end - start == image.shape[-1] else image[:, :, start:end, start:end]

    def transform(self, x, draw):
        stages = self.transforms.stages if self.valid else self.transforms.stages_of(draw.scale)
        for i, (kind, rows) in enumerate(stages):
            if kind == "interpolate":
                content, margin, _ = scaled_frame(x.shape[-1], draw.scale)
                x = F.interpolate(x, size=(content, content), mode="bilinear", align_corners=True)
                x = F.pad(x, [margin] * 4) if margin else x
            else:
                x = self.resample(x, self.maps[i], rows)
        return (x - self.mean) / self.std

    def objective(self, draw):
        return centre(self.run_network(self.transform(self.image(), draw)), self.channels)

    def evaluate(self, draw):
        """Values and, in spectrum.grad, the gradient of the loss."""
        values = self.objective(draw)
        (self.spectrum.grad,) = torch.autograd.grad(-values.sum(), self.spectrum)
        return values

    def place(self, draw):
        maps = torch.tensor(self.transforms.maps(draw), dtype=torch.float32)
        self.maps[: len(maps)].copy_(maps)

    def full_step(self, draw):
        values = self.evaluate(draw)
        self.optimizer.step()
        return values

    def step(self, draw):
        self.place(draw)
        graph = self.graphs.get(self.key(draw))
        if graph:
            graph.replay()
        else:
            self.full_step(draw)

    def key(self, draw):
        """Draws of one key have the same shapes."""
        return None if self.valid else draw.scale

    def prepare(self):
        """Constants; on CUDA compiles and records what it can, and says in `mode` what that was."""
        for name, values in (("mean", MEAN), ("std", STD)):
            setattr(self, name, torch.tensor(values).reshape(3, 1, 1).to(self.spectrum.device))
        if not self.cuda:
            return
        attempts = [("compiled, CUDA graph", True)] if hasattr(torch, "compile") else []
        for mode, compiled in [*attempts, ("CUDA graph", False)]:
            try:
                self.run_network = torch.compile(self.network) if compiled else self.network
                self.capture()
                self.mode = mode
                return
            except Exception as error:  # noqa: BLE001 whatever this PyTorch cannot do, the next mode may
                print(f"{mode}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
                self.graphs, self.run_network = {}, self.network
                torch.cuda.synchronize()

    def capture(self):
        for scale in [1] if self.valid else CASES["scales"]:
            draw = Draw(scale)
            self.place(draw)
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    self.full_step(draw)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.full_step(draw)
            self.graphs[self.key(draw)] = graph
