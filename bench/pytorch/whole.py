"""The whole ResNet18 in PyTorch: forward to the logits, or forward and the gradient of a centre unit by the image.

Everything that makes PyTorch fast and leaves the numbers as they are: batch norms folded in, nothing that needs no
gradient has one, it stops at the tap. Memory formats and, for forward, TorchScript's optimised graphs are tried, and
the fastest mode is timed; on CUDA it is replayed as a graph, with TF32 off.

Run by bench/networkBench.ts; answers the JSON requests that bench/peers/serve.mjs describes.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

FORMATS = {"channels last": torch.channels_last, "channels first": torch.contiguous_format}


class Whole(nn.Module):
    """network.json and weights.bin of bench/networkFiles.ts, up to the sum of a block or to the logits."""

    def __init__(self, folder, tap, memory_format):
        super().__init__()
        network = json.loads((Path(folder) / "network.json").read_text())
        values = numpy.fromfile(Path(folder) / "weights.bin", "<f4")

        def take(stored):
            shape = stored["shape"]
            return torch.from_numpy(values[stored["at"] : stored["at"] + int(numpy.prod(shape))].reshape(shape).copy())

        self.convolutions = nn.ModuleDict()
        for name, row in network["convolutions"].items():
            channels, before, size, _ = row["weight"]["shape"]
            conv = nn.Conv2d(before, channels, size, row["stride"], row["pad"])
            conv.weight = nn.Parameter(take(row["weight"]), requires_grad=False)
            conv.bias = nn.Parameter(take(row["bias"]), requires_grad=False)
            self.convolutions[name.replace(".", "_")] = conv
        self.fc = None if tap else nn.Linear(*network["fc"]["weight"]["shape"][::-1])
        if self.fc is not None:
            self.fc.weight = nn.Parameter(take(network["fc"]["weight"]), requires_grad=False)
            self.fc.bias = nn.Parameter(take(network["fc"]["bias"]), requires_grad=False)
        self.last = tap[:3] if tap else None
        self.blocks = network["blocks"]
        self.to(memory_format=memory_format).eval()

    def convolve(self, x, name):
        return self.convolutions[name.replace(".", "_")](x)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.convolve(x, "stem")), 3, 2, 1)
        for block in self.blocks:
            inner = self.convolve(F.relu(self.convolve(x, block["first"])), block["second"])
            x = inner + (self.convolve(x, block["bypass"]) if "bypass" in block else x)
            if block["name"] == self.last:
                return x
            x = F.relu(x)
        return self.fc(x.mean((2, 3)))


class Subject:
    """One case in one mode: run() gives the outputs, [logits] or [values, gradient]."""

    def __init__(self, folder, case, x, mode, device):
        self.mode, self.cuda, tap = mode, device.type == "cuda", case.get("tap")
        form = FORMATS[mode.split(", ")[0]]
        model = Whole(folder, tap, form).to(device)
        self.x = x.to(device).contiguous(memory_format=form).requires_grad_(bool(tap))
        self.channel, self.model = case.get("channel"), model
        self.step = self.gradient if tap else self.logits
        if mode.endswith("scripted"):
            self.model = torch.jit.optimize_for_inference(torch.jit.trace(model, self.x))
        if self.cuda:
            self.capture()

    def logits(self):
        with torch.no_grad():
            return [self.model(self.x)]

    def gradient(self):
        y = self.model(self.x)
        values = y[:, self.channel, y.shape[2] // 2, y.shape[3] // 2]
        return [values, *torch.autograd.grad(values.sum(), self.x)]

    def capture(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self.step()

        def replay():
            graph.replay()
            return outputs

        self.step = replay
        self.mode += ", CUDA graph"

    def once(self):
        start = time.perf_counter()
        outputs = self.step()
        if self.cuda:
            torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1000, outputs


def fastest(folder, case, x, device):
    """The mode that is the fastest of three runs after two to warm up; what a PyTorch cannot do is left out."""
    modes = [*FORMATS] if case.get("tap") else [f"{name}{kind}" for name in FORMATS for kind in ("", ", scripted")]
    best, first, tried = None, None, {}
    for mode in modes:
        try:
            subject = Subject(folder, case, x, mode, device)
            warm = subject.once()[0]
            first = warm if first is None else first
            subject.once()
            tried[subject.mode] = min(subject.once()[0] for _ in range(3))
        except Exception as error:  # noqa: BLE001 another mode may do
            print(f"{mode}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        if best is None or tried[subject.mode] < tried[best.mode]:
            best = subject
    if best is None:
        raise RuntimeError("no mode works")
    return best, first, tried


class Service:
    def __init__(self):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        self.subject = None

    def answer(self, request):
        do = request["do"]
        if do == "describe":
            device = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
            return {"name": "PyTorch", "version": torch.__version__, "adapter": device, "threads": torch.get_num_threads()}
        if do == "load":
            shape = request["case"]["shape"]
            x = torch.from_numpy(numpy.fromfile(request["input"], "<f4").reshape(shape))
            self.subject, first, tried = fastest(request["folder"], request["case"], x, self.device)
            return {"firstMs": first, "mode": self.subject.mode, "modes": tried}
        if do == "run":
            outputs = [output.detach().cpu().contiguous().numpy().reshape(-1) for output in self.subject.once()[1]]
            numpy.concatenate(outputs).astype("<f4").tofile(request["output"])
            return {}
        if do == "time":
            samples, end = [], time.perf_counter() + request["seconds"]
            self.subject.once()
            while len(samples) < request["least"] or time.perf_counter() < end:
                samples.append(self.subject.once()[0])
            return {"samples": samples}
        return {"error": f"unknown request {do}"}


if __name__ == "__main__":
    service = Service()
    for line in sys.stdin:
        try:
            result = service.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 the other side reports it
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
