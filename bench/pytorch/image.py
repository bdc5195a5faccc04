"""The image of a spectrum and the transforms between it and the network, as the study has them and tuned.

The study: Lucent's parametrisation and kornia 0.4.1's warps, one image at a time. Tuned: the same resamplings with
their maps made on the CPU as numbers, one draw for the whole batch, and optionally on windows alone: only the pixels
that the unit can see are rendered, moved and normalised. A map turns (column, row) of the target into the source's.
"""

import math

import torch
import torch.nn.functional as F

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float64)
COLOURS = COLOURS / COLOURS.norm(dim=0).max()


class Draw:
    """One step's transforms; without arguments none at all."""

    def __init__(self, scale=1, angle=0, first=(0, 0), second=(0, 0)):
        self.scale, self.angle, self.first, self.second = scale, angle, first, second


def random_draw(settings, jitter, random):
    half = jitter // 2
    two = lambda below: tuple(int(v) for v in random.integers(0, max(1, below), 2))
    return Draw(random.choice(settings["scales"]), random.choice(settings["angles"]), two(jitter), two(half))


# ---- the parametrisation


def frequency_scale(size):
    fy = torch.fft.fftfreq(size, dtype=torch.float64).reshape(-1, 1)
    fx = torch.fft.rfftfreq(size, dtype=torch.float64)
    return 1 / (fx**2 + fy**2).sqrt().clamp(min=1 / size)


def image_of(spectrum, scale):
    """[N,3,size,F,2] -> [N,3,size,size] in (0,1). size is even."""
    size = spectrum.shape[2]
    scaled = torch.view_as_complex((scale[..., None] * spectrum).contiguous())
    raw = torch.fft.irfftn(scaled, s=(size, size), dim=(-2, -1), norm="ortho") / 4
    return torch.sigmoid(torch.einsum("oi,nihw->nohw", COLOURS.to(raw), raw))


class FrameImage:
    """The same with colours as a 1 x 1 convolution, cut to the rows and columns start .. start+rows-1."""

    def __init__(self, size, start, rows, device):
        self.window = slice(start, start + rows)
        self.scale, self.size = frequency_scale(size).float().to(device), size
        self.colours = COLOURS.float().to(device)[:, :, None, None]

    def __call__(self, spectrum):
        scaled = torch.view_as_complex(self.scale[..., None] * spectrum)
        raw = torch.fft.irfft2(scaled, s=(self.size, self.size), norm="ortho")[:, :, self.window, self.window]
        return torch.sigmoid(F.conv2d(raw, self.colours / 4))


class WindowImage:
    """Only those rows and columns, by two matrix products with rows of the DFT. Matrix products are 1 x 1
    convolutions here: those are fast on every CPU, while some builds of PyTorch have a plain BLAS."""

    def __init__(self, size, start, rows, device):
        n = torch.arange(size, dtype=torch.float64)
        y = torch.arange(start, start + rows, dtype=torch.float64)
        turn = lambda k: 2 * math.pi * torch.remainder(y[:, None] * k, size) / size
        angle, across = turn(n), turn(n[: size // 2 + 1])
        weight = torch.full((size // 2 + 1,), 2.0, dtype=torch.float64)
        weight[0] = weight[-1] = 1
        cos, sin = angle.cos(), angle.sin()
        to = lambda t: t.float().to(device).contiguous()[:, :, None, None]
        self.down = to(torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)]))  # [2 rows, 2 size]
        self.across = to(torch.cat([across.cos() * weight, -across.sin() * weight], 1) / (4 * size))  # [rows, 2 F]
        self.scale, self.rows = frequency_scale(size).float().to(device), rows
        self.colours = to(COLOURS)

    def __call__(self, spectrum):
        N, C, size, columns, _ = spectrum.shape
        x = (self.scale[..., None] * spectrum).permute(0, 1, 4, 2, 3).reshape(N * C, 2 * size, columns, 1)
        z = F.conv2d(x, self.down).reshape(N * C, 2, self.rows, columns)
        z = z.transpose(2, 3).reshape(N * C, 2 * columns, self.rows, 1)
        raw = F.conv2d(z, self.across).reshape(N, C, self.rows, self.rows).transpose(2, 3)
        return torch.sigmoid(F.conv2d(raw, self.colours))


# ---- the study's transforms


def kornia_warp(x, matrix):
    """kornia 0.4.1's warp_affine: pixels are normalised by n - 1, but sampled with align_corners=False."""
    n = x.shape[-1]
    normal = torch.tensor([[2 / (n - 1), 0, -1], [0, 2 / (n - 1), -1], [0, 0, 1]], dtype=x.dtype, device=x.device)
    inverse = torch.inverse(normal @ (torch.tensor(matrix, dtype=x.dtype, device=x.device) @ torch.inverse(normal)))
    grid = F.affine_grid(inverse[None, :2].expand(x.shape[0], 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def translate(x, shift):
    return x if tuple(shift) == (0, 0) else kornia_warp(x, [[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])


def rotate(x, degrees):
    centre = (x.shape[-1] - 1) / 2
    a, b = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return kornia_warp(x, [[a, b, (1 - a) * centre - b * centre], [-b, a, b * centre + (1 - a) * centre], [0, 0, 1]])


def scaled_frame(n, scale):
    """Rows of the content, of the margin on each side, of both."""
    content = math.ceil(scale * n)
    margin = max(0, math.ceil((n - content) / 2))
    return content, margin, content + 2 * margin


def rescale(x, scale):
    content, margin, _ = scaled_frame(x.shape[-1], scale)
    return F.pad(F.interpolate(x, size=(content, content), mode="bilinear", align_corners=True), [margin] * 4)


def normalise(x):
    return (x - torch.tensor(MEAN).to(x).reshape(3, 1, 1)) / torch.tensor(STD).to(x).reshape(3, 1, 1)


def study_transforms(x, draw, jitter):
    size = x.shape[-1]
    if jitter < 4:
        return normalise(rotate(rescale(x, draw.scale), draw.angle))
    x = translate(F.pad(x, [jitter] * 4, mode="reflect"), draw.first)
    x = translate(rotate(rescale(x, draw.scale), draw.angle), draw.second)
    start = int(round((x.shape[-1] - size) / 2))
    return normalise(x[:, :, start : start + size, start : start + size])


# ---- tuned


def affine(kind, draw, before, after):
    """(cos, sin, shift) of a stage: source = [[cos, -sin], [sin, cos]] target + shift."""
    if kind in ("first", "second"):
        n, (dx, dy) = (before, draw.first) if kind == "first" else (after, draw.second)
        return 1, 0, (-dx * n / (n - 1), -dy * n / (n - 1))
    if kind == "scale":
        content, margin, _ = scaled_frame(before, draw.scale)
        step = (before - 1) / (content - 1)
        return step, 0, (-margin * step, -margin * step)
    cos, sin, middle = math.cos(math.radians(draw.angle)), math.sin(math.radians(draw.angle)), (after - 1) / 2
    return cos, sin, (middle - cos * middle + sin * middle, middle - sin * middle - cos * middle)


class WindowTransforms:
    """Which rows every stage needs so that `rows` rows of the network's input are right for every draw.

    Pixels beyond a frame count as the zeros that grid_sample reads there, so where a window reaches the margin that
    scaling down leaves, the outermost row of content fades over one pixel; the study's stops there. Nothing else
    differs."""

    def __init__(self, settings, jitter, tap_window):
        self.size, self.jitter, self.tap_window = settings["size"], jitter, tap_window
        self.moves = jitter >= 4
        self.before = self.size + (2 * jitter if self.moves else 0)
        rows = tap_window(self.size)[1]
        scales, angles = settings["scales"], [math.radians(a) for a in settings["angles"]]
        after = max(scaled_frame(self.before, s)[2] for s in scales)
        turn = max(abs(math.cos(a)) + abs(math.sin(a)) for a in angles)
        shrink = max((self.before - 1) / (scaled_frame(self.before, s)[0] - 1) for s in scales)
        reach = lambda rows, factor, frame: min(frame, math.floor((rows - 1) * factor) + 3)
        rotated = reach(rows, 1, after) if self.moves else rows
        scaled = reach(rotated, turn, after)
        self.stages = [("scale", scaled), ("rotate", rotated)]
        if self.moves:
            self.stages = [("first", reach(scaled, shrink, self.before)), *self.stages, ("second", rows)]
        # the part of the (padded) image that any draw needs
        ends = lambda below: [(0, 0), (max(0, below - 1),) * 2]
        every = [Draw(s, a, f, g) for s in scales for a in settings["angles"] for f in ends(jitter) for g in ends(jitter // 2)]
        first_rows = reach(self.stages[0][1], shrink if not self.moves else 1, self.before)
        starts = [start for draw in every for start in self.place(draw, first_rows)[0]]
        self.start, self.end = max(0, min(starts)), min(self.before, max(starts) + first_rows)

    def place(self, draw, first_rows):
        """Where the first stage starts to read, and the maps [stages,2,3] between windows; sources as stages before."""
        frame = scaled_frame(self.before, draw.scale)[2]
        crop = int(round((frame - self.size) / 2)) if self.moves else 0
        x = y = self.tap_window(self.size if self.moves else frame)[0] + crop
        maps = []
        for i in range(len(self.stages) - 1, -1, -1):
            kind, rows = self.stages[i]
            cos, sin, (sx, sy) = affine(kind, draw, self.before, frame)
            u, v = cos * x - sin * y + sx, sin * x + cos * y + sy
            last = rows - 1
            source_rows = self.stages[i - 1][1] if i else first_rows
            source_frame = frame if kind in ("rotate", "second") else self.before
            clip = lambda value: min(max(math.floor(value), 0), max(0, source_frame - source_rows))
            px, py = clip(u + min(0, cos * last, -sin * last, (cos - sin) * last)), clip(
                v + min(0, sin * last, cos * last, (sin + cos) * last)
            )
            if i == 0 and hasattr(self, "start"):
                px = py = self.start
            maps.append([[cos, -sin, u - px], [sin, cos, v - py]])
            x, y = px, py
        return (y, x), maps[::-1]

    def maps(self, draw):
        return self.place(draw, self.end - self.start)[1]


class FrameTransforms:
    """The same stages on whole frames; the last one makes only the part that is kept."""

    def __init__(self, settings, jitter):
        self.size, self.jitter, self.moves = settings["size"], jitter, jitter >= 4
        self.before = self.size + (2 * jitter if self.moves else 0)
        self.start, self.end = 0, self.before

    def stages_of(self, scale):
        frame = scaled_frame(self.before, scale)[2]
        stages = [("interpolate", frame), ("rotate", frame)]
        return [("first", self.before), *stages, ("second", self.size)] if self.moves else stages

    def maps(self, draw):
        frame = scaled_frame(self.before, draw.scale)[2]
        result = []
        for kind, _ in self.stages_of(draw.scale):
            cos, sin, (sx, sy) = affine("scale" if kind == "interpolate" else kind, draw, self.before, frame)
            start = int(round((frame - self.size) / 2)) if kind == "second" else 0
            result.append([[cos, -sin, sx + (cos - sin) * start], [sin, cos, sy + (sin + cos) * start]])
        return result


class Resampler:
    """Bilinear resampling by maps in a tensor [stages,2,3], so that a recorded graph can be replayed with others."""

    def __init__(self, device):
        self.device, self.targets = device, {}

    def target(self, rows):
        if rows not in self.targets:
            i = torch.arange(rows, dtype=torch.float32, device=self.device)
            y, x = torch.meshgrid(i, i, indexing="ij")
            self.targets[rows] = torch.stack([x, y, torch.ones_like(x)], -1).reshape(-1, 3)
        return self.targets[rows]

    def __call__(self, x, pixel_map, rows):
        n = x.shape[-1]
        grid = (self.target(rows) @ pixel_map.T) * (2 / n) + (1 / n - 1)
        grid = grid.reshape(1, rows, rows, 2).expand(x.shape[0], rows, rows, 2)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
