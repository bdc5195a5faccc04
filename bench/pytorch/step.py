"""One optimisation step of a centre unit's image in PyTorch, in three ways, each checked before it is timed:

  study    as the study ran it: one image, the whole network forward, weights keep their gradients, kornia's warps
  tuned    frozen, batch norms folded, channels last, stops at the tap, a batch of units, one draw for all of them
  cropped  that, and every stage from the spectrum to the tap computed in the unit's window alone

Run: /usr/bin/python3 bench/pytorch/step.py --weights FILE [--taps 1.1.O,2.0.O] [--batch 1,8] [--seconds 3]
     prints one JSON document. --serve answers one JSON request per line instead: that is how bench/main.ts uses it.

PyTorch 1.13 or newer. Where there is a CUDA device: TF32 off (everything is float32), and the tuned steps are compiled
and replayed as CUDA graphs where that PyTorch can; "mode" says what was used.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy
import torch

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from image import Draw, frequency_scale, image_of, normalise, random_draw  # noqa: E402
from network import ResNet18, window_of  # noqa: E402
from variants import CASES, Study, Tuned, centre  # noqa: E402
from weights import read_weights  # noqa: E402

VARIANTS = ("study", "tuned", "cropped")
# The median over all starts is within the bound, and none is beyond the limit. Float32 decides some ReLUs and maxima
# otherwise than float64 does, which moves a gradient by 1e-3 to 4e-2; grid_sample's float32 coordinates err by 1e-5 px in
# each of up to four resamplings, so here that is the rule deep in the network. What is wrong is wrong by more.
BOUNDS = {"objective": 1e-4, "gradient": 1e-2}
LIMITS = {"objective": 1e-2, "gradient": 1e-1}


class Bench:
    def __init__(self, weights, device):
        self.device = torch.device(device)
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        state = read_weights(weights)
        self.model = ResNet18(state)
        self.double = ResNet18(state).double().requires_grad_(False)
        self.subjects, self.reference = {}, None
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def describe(self):
        cuda = self.device.type == "cuda"
        return {
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "cuda": torch.version.cuda if cuda else None,
            "threads": torch.get_num_threads(),
            "wholeNetworkUpTo": self.model.deepest,
            "taps": [case["tap"] for case in CASES["cases"] if self.model.has(case["tap"])],
        }

    def set_reference(self, case, spectra):
        """Objective and gradient by the spectrum in float64, whole frames, no transforms, for one batch or several."""
        self.subjects = {}
        values, gradients, centres = [], [], []
        for channel, spectrum in zip(case["channels"] * (len(spectra) // len(case["channels"])), spectra):
            p = spectrum.double()[None].requires_grad_(True)
            y = self.double(normalise(image_of(p, frequency_scale(CASES["size"]))), case["tap"], stop=True)
            value = centre(y, torch.tensor([channel]))
            centres.append(y.detach()[0, :, y.shape[2] // 2, y.shape[3] // 2])
            gradients.append(torch.autograd.grad(value.sum(), p)[0])
            values.append(value)
        scale = (torch.cat(centres) ** 2).mean().sqrt()  # what a value is compared with: all channels' rms
        self.reference = case, spectra, torch.cat(values).detach(), torch.cat(gradients), scale
        return self.reference[2:]

    def subject(self, variant):
        """A variant for the case of the reference, made and prepared when first asked for."""
        if variant not in self.subjects:
            case, spectra, *_ = self.reference
            if variant == "study":
                subject = Study(self.model, {**case, "channels": case["channels"][:1]}, spectra[:1], self.device)
            else:
                subject = Tuned(self.model, case, spectra[: len(case["channels"])], self.device, valid=variant == "cropped")
            subject.prepare()
            self.subjects[variant] = subject
        return self.subjects[variant]

    def unavailable(self, variant):
        if variant == "cropped" and window_of(self.reference[0]["tap"], CASES["size"]) is None:
            return "the unit's window reaches beyond the frame"

    def validate(self, variant):
        """How far a variant without transforms is from the reference."""
        reason = self.unavailable(variant)
        if reason:
            return {"unavailable": reason}
        subject = self.subject(variant)
        case, spectra, values, gradients, scale = self.reference
        images = len(subject.spectrum)
        errors = {"objective": [], "gradient": []}
        for first in range(0, len(spectra), images):
            group = slice(first, first + images)
            with torch.no_grad():
                subject.spectrum.copy_(spectra[group])
                at = [case["channels"][n % len(case["channels"])] for n in range(first, first + images)]
                subject.channels.copy_(torch.tensor(at))
            subject.place(Draw())
            found = subject.evaluate(Draw()).detach().double().cpu()
            gradient = -subject.spectrum.grad.double().cpu()
            errors["objective"] += ((found - values[group]).abs() / scale).tolist()
            errors["gradient"] += [((g - r).norm() / r.norm()).item() for g, r in zip(gradient, gradients[group])]
        return summary(errors)

    def time(self, variant, seconds):
        """Samples of ms per image and step, after a warm-up. Each sample is several steps with their own draws."""
        subject = self.subject(variant)
        random = numpy.random.default_rng(0)
        images, jitter = len(subject.spectrum), subject.case["jitter"]
        synchronise = torch.cuda.synchronize if self.device.type == "cuda" else lambda: None

        def block(steps):
            synchronise()
            start = time.perf_counter()
            for _ in range(steps):
                subject.step(random_draw(CASES, jitter, random))
            synchronise()
            return (time.perf_counter() - start) * 1000

        warm, estimate = 0, 0
        while warm < 300 * min(1, seconds):
            estimate = block(3) / 3
            warm += 3 * estimate
        steps = max(1, round(seconds * 1000 / 7 / estimate))
        samples, spent = [], 0
        while spent < seconds * 1000 or len(samples) < 5:
            milliseconds = block(steps)
            samples.append(milliseconds / steps / images)
            spent += milliseconds
        if not torch.isfinite(subject.spectrum).all():
            return {"error": "the spectrum is no longer finite"}
        return {"samples": samples, "steps": steps, "batch": images, "mode": subject.mode}


def summary(errors):
    """The median and the largest error, and whether both are within their bounds."""
    result = {"valid": True}
    for name, bound in BOUNDS.items():
        middle, worst = sorted(errors[name])[len(errors[name]) // 2], max(errors[name])
        result[name] = {"median": middle, "max": worst}
        result["valid"] &= middle <= bound and worst <= LIMITS[name]
    return result


def case_of(tap, batch):
    case = next(case for case in CASES["cases"] if case["tap"] == tap)
    return {**case, "channels": [case["channel"] + n for n in range(batch)]}


def answer(bench, request):
    do = request["do"]
    if do == "describe":
        return bench.describe()
    if do == "reference":
        spectra = torch.from_numpy(numpy.load(request["spectra"]))
        values, gradients, scale = bench.set_reference(case_of(request["tap"], request["batch"]), spectra)
        numpy.save(request["gradient"], gradients.numpy())
        return {"values": values.tolist(), "scale": scale.item()}
    if do == "validate":
        return bench.validate(request["variant"])
    if do == "time":
        return bench.time(request["variant"], request["seconds"])
    return {"error": f"unknown request {do}"}


def serve(bench):
    for line in sys.stdin:
        try:
            result = answer(bench, json.loads(line))
        except Exception as error:  # noqa: BLE001 the other side reports it
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


def report(bench, taps, batches, seconds):
    """Everything in one document, for those who want this side alone."""
    rows = []
    for tap in [tap for tap in bench.describe()["taps"] if not taps or tap in taps]:
        for batch in batches:
            generator = torch.Generator().manual_seed(0)
            size, starts = CASES["size"], batch * -(-CASES["starts"] // batch)
            spectra = torch.randn(starts, 3, size, size // 2 + 1, 2, generator=generator) * CASES["spread"]
            bench.set_reference(case_of(tap, batch), spectra)
            for variant in VARIANTS:
                row = {"tap": tap, "variant": variant, "batch": batch, **bench.validate(variant)}
                if row.get("valid"):
                    row.update(bench.time(variant, seconds))
                    row["msPerImage"] = sorted(row["samples"])[len(row["samples"]) // 2]
                rows.append(row)
                print(row, file=sys.stderr)
    print(json.dumps({"pytorch": bench.describe(), "cases": rows}))
    return 0 if all(row.get("valid") or "unavailable" in row for row in rows) else 1


def main():
    parser = argparse.ArgumentParser(description="One optimisation step in PyTorch.")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--taps", default="")
    parser.add_argument("--batch", default=",".join(map(str, CASES["batch"])))
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--core", type=int, help="which of the CPU's cores to run on alone; all when absent")
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[options.core]})
    bench = Bench(options.weights, options.device)
    if options.serve:
        return serve(bench)
    taps = [tap for tap in options.taps.split(",") if tap]
    return report(bench, taps, [int(batch) for batch in options.batch.split(",")], options.seconds)


if __name__ == "__main__":
    sys.exit(main())
