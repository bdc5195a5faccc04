"""ResNet18 twice: as torchvision has it, whole; and tuned, with batch norms folded into the convolutions, stopping at
a block, over whole frames or, with valid convolutions, over the window that one unit sees.

A tap "1.1.O" is a block's sum before its ReLU. The window of its centre unit must not touch the frame's border for the
valid version to be exact: in ResNet18 at 224 that holds up to 3.1.
"""

import torch
import torch.nn.functional as F
from torch import nn

BLOCKS = [f"{stage}.{index}" for stage in range(1, 5) for index in range(2)]


class Block(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride > 1:
            bypass = nn.Conv2d(before, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(bypass, nn.BatchNorm2d(channels))

    def forward(self, x):
        """The sum, before its ReLU."""
        bypass = x if self.downsample is None else self.downsample(x)
        return bypass + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class ResNet18(nn.Module):
    """All blocks that the weights have, and the classifier when they have all. Weights keep requires_grad."""

    def __init__(self, state):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.blocks = {}
        for name in BLOCKS:
            stage, index = map(int, name.split("."))
            channels = 32 * 2**stage
            strided = stage > 1 and index == 0
            block = Block(channels // 2 if strided else channels, channels, 2 if strided else 1)
            module = f"layer{stage}.{index}"
            own = {key[len(module) + 1 :]: value for key, value in state.items() if key.startswith(f"{module}.")}
            if any(key not in own for key in block.state_dict() if not key.endswith("num_batches_tracked")):
                break
            block.load_state_dict(own, strict=False)
            self.blocks[name] = block
        self.stages = nn.ModuleList(self.blocks.values())
        whole = len(self.blocks) == len(BLOCKS) and "fc.weight" in state
        self.fc = nn.Linear(512, len(state["fc.weight"])) if whole else None
        self.load_state_dict({key: value for key, value in state.items() if key in self.state_dict()}, strict=False)
        self.eval()

    @property
    def deepest(self):
        return "logits" if self.fc is not None else f"{list(self.blocks)[-1]}.O"

    def has(self, tap):
        return tap[:-2] in self.blocks

    def forward(self, x, tap, stop=False):
        """The tap, computed by a forward pass of everything there is, or only up to it."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        found = None
        for name, block in self.blocks.items():
            x = block(x)
            if f"{name}.O" == tap:
                found = x
                if stop:
                    return found
            x = F.relu(x)
        if self.fc is not None:
            self.fc(x.mean((2, 3)))
        return found


def fold(conv, norm):
    """Weights and bias of the convolution that does both."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    weight = conv.weight.double() * scale[:, None, None, None]
    return weight.detach().float().contiguous(memory_format=torch.channels_last), bias.detach().float()


class TunedNetwork(nn.Module):
    """Frozen, folded, channels last, up to one tap; `valid`: on the window of its centre unit, to a 1 x 1 result."""

    def __init__(self, model, tap, valid):
        super().__init__()
        self.valid = valid
        self.stem = self.keep("stem", fold(model.conv1, model.bn1))
        self.plan = []
        for name, block in model.blocks.items():
            key = name.replace(".", "_")
            bypass = None if block.downsample is None else self.keep(f"bypass{key}", fold(*block.downsample))
            first = self.keep(f"first{key}", fold(block.conv1, block.bn1))
            second = self.keep(f"second{key}", fold(block.conv2, block.bn2))
            self.plan.append((first, second, bypass, block.conv1.stride[0]))
            if f"{name}.O" == tap:
                break

    def keep(self, name, tensors):
        for kind, tensor in zip(("w", "b"), tensors):
            self.register_buffer(f"{name}_{kind}", tensor)
        return name

    def convolve(self, x, name, stride, pad):
        w, b = getattr(self, f"{name}_w"), getattr(self, f"{name}_b")
        return F.conv2d(x, w, b, stride, 0 if self.valid else pad)

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.relu(self.convolve(x, self.stem, 2, 3))
        x = F.max_pool2d(x, 3, 2, 0 if self.valid else 1)
        for i, (first, second, bypass, stride) in enumerate(self.plan):
            x = F.relu(x) if i else x
            inner = self.convolve(F.relu(self.convolve(x, first, stride, 1)), second, 1, 1)
            if self.valid:  # what lies under the middle of the two filters
                edge = 2 if stride == 1 else 3
                end = edge + (inner.shape[2] - 1) * stride + 1
                x = x[:, :, edge:end, edge:end]
            x = inner + (x if bypass is None else self.convolve(x, bypass, stride, 0))
        return x


def window_of(tap, frame):
    """First row and rows of the centre unit's window in an input of `frame` rows, or None where it leaves the frame."""
    filters = [(7, 2, 3), (3, 2, 1)]
    for name in BLOCKS:
        filters += [(3, 2 if name in ("2.0", "3.0", "4.0") else 1, 1), (3, 1, 1)]
        if f"{name}.O" == tap:
            break
    frames = [frame]
    for size, stride, pad in filters:
        frames.append((frames[-1] + 2 * pad - size) // stride + 1)
    start, rows = frames[-1] // 2, 1
    for (size, stride, pad), before in zip(reversed(filters), reversed(frames[:-1])):
        start, rows = start * stride - pad, (rows - 1) * stride + size
        if start < 0 or start + rows > before:
            return None
    return start, rows
