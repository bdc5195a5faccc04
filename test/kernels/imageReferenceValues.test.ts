// The float64 reference of the image's ops against definitions written another way, and by hand.

import { describe, expect, test } from 'vitest';
import * as I from '../../src/kernels/imageReference.ts';
import { type Array64, zeros } from '../../src/kernels/reference.ts';
import { filled, randomArray } from '../support/arrays.ts';

const image = filled([1, 1, 3, 3], (i) => i + 1); // 1 2 3 / 4 5 6 / 7 8 9

/** raw[c,y,x] of both passes, for a window. */
function picture(p: Array64, H: number, W: number, window: I.Window): Array64 {
  return I.spectrumRows(I.spectrumColumns(p, I.frequencyScale(H, W), window), H, W, window);
}

/**
 * irfft2(norm ortho) / 4 by its definition: the full spectrum S is completed by S(-fy,-fx) = conj S(fy,fx), what
 * has no mirror of its own keeps only the real part, and raw = sum S e^{i tau (fy y / H + fx x / W)} / (4 sqrt(HW)).
 */
function direct(p: Array64, H: number, W: number): Float64Array {
  const scale = I.frequencyScale(H, W).data;
  const F = p.shape[3];
  const raw = new Float64Array(H * W);
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++)
      for (let fy = 0; fy < H; fy++)
        for (let fx = 0; fx < W; fx++) {
          const mirrored = fx > Math.floor(W / 2);
          const i = mirrored ? ((H - fy) % H) * F + W - fx : fy * F + fx;
          const angle = 2 * Math.PI * ((fy * y) / H + (fx * x) / W);
          const [re, im] = [p.data[2 * i], mirrored ? -p.data[2 * i + 1] : p.data[2 * i + 1]];
          raw[y * W + x] +=
            (scale[i] * (re * Math.cos(angle) - im * Math.sin(angle))) / (4 * Math.sqrt(H * W));
        }
  return raw;
}

describe('spectrum', () => {
  test.each([
    [6, 8],
    [5, 7],
    [4, 9],
    [7, 4],
    [1, 1],
  ])('both passes together are irfft2 / 4 for %ix%i', (H, W) => {
    const p = randomArray('p', [1, 1, H, I.spectrumColumnCount(W), 2]);
    const raw = picture(p, H, W, { origin: [0, 0], size: [H, W] });
    const expected = direct(p, H, W);
    raw.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 10);
    });
  });

  test.each([
    [6, 8],
    [5, 7],
  ])('a window of %ix%i equals the same pixels of the whole image', (H, W) => {
    const p = randomArray('p', [2, 3, H, I.spectrumColumnCount(W), 2]);
    const whole = picture(p, H, W, { origin: [0, 0], size: [H, W] });
    const part = picture(p, H, W, { origin: [2, 3], size: [3, 4] });
    part.data.forEach((value, i) => {
      const [plane, y, x] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4];
      expect(value).toBeCloseTo(whole.data[(plane * H + y + 2) * W + x + 3], 12);
    });
  });

  test('a constant spectrum entry gives the wave it stands for', () => {
    const [H, W] = [4, 6];
    const p = zeros(1, 1, H, 4, 2);
    p.data[2 * (1 * 4 + 2)] = 1; // fy = 1, fx = 2, real
    const raw = picture(p, H, W, { origin: [0, 0], size: [H, W] });
    const amplitude = 2 / Math.hypot(1 / 4, 2 / 6) / (4 * Math.sqrt(24)); // weight, scale, norm
    raw.data.forEach((value, i) => {
      const angle = 2 * Math.PI * (Math.floor(i / W) / H + (2 * (i % W)) / W);
      expect(value).toBeCloseTo(amplitude * Math.cos(angle), 12);
    });
  });

  test('column counts: one more than half, and one that does not count for odd widths', () => {
    expect([4, 5, 224, 1].map(I.spectrumColumnCount)).toEqual([3, 4, 113, 2]);
    const p = randomArray('p', [1, 1, 3, 4, 2]);
    const before = picture(p, 3, 5, { origin: [0, 0], size: [3, 5] });
    for (let fy = 0; fy < 3; fy++) p.data.fill(99, 2 * (fy * 4 + 3), 2 * (fy * 4 + 4));
    expect(picture(p, 3, 5, { origin: [0, 0], size: [3, 5] }).data).toEqual(before.data);
  });

  test('the scale is one over the frequency in cycles per pixel, with a floor at one cycle per image', () => {
    const scale = I.frequencyScale(4, 6);
    expect(scale.shape).toEqual([4, 4]);
    expect(scale.data[0]).toBe(6);
    expect(scale.data[1]).toBeCloseTo(6, 12); // fx = 1/6
    expect(scale.data[3]).toBeCloseTo(2, 12); // fx = 1/2
    expect(scale.data[2 * 4]).toBeCloseTo(2, 12); // fy = -1/2
    expect(scale.data[3 * 4 + 2]).toBeCloseTo(1 / Math.hypot(1 / 4, 1 / 3), 12); // fy = -1/4, fx = 1/3
  });
});

describe('pad', () => {
  const pad = (x: Array64, settings: I.PadSettings) => [...I.pad(x, settings).data];

  test('reflects without repeating the edge', () => {
    expect([-2, -1, 0, 3, 4, 5].map((i) => I.reflect(i, 4))).toEqual([2, 1, 0, 3, 2, 1]);
    const settings = { frame: [3, 3], source: [0, 0], target: { origin: [-1, -2], size: [2, 7] } } as const;
    expect(pad(image, settings)).toEqual([6, 5, 4, 5, 6, 5, 4, 3, 2, 1, 2, 3, 2, 1]);
  });

  test('crops, and reads 0 where the frame has pixels that x does not', () => {
    const crop = { frame: [3, 3], source: [0, 0], target: { origin: [1, 1], size: [2, 2] } } as const;
    expect(pad(image, crop)).toEqual([5, 6, 8, 9]);
    const window = { frame: [5, 5], source: [2, 2], target: { origin: [1, 1], size: [2, 3] } } as const;
    expect(pad(image, window)).toEqual([0, 0, 0, 0, 1, 2]);
  });

  test('the gradient of a pixel counts its mirror images', () => {
    const settings = { frame: [3, 3], source: [0, 0], target: { origin: [-1, -1], size: [5, 5] } } as const;
    const ones = filled([1, 1, 5, 5], () => 1);
    expect([...I.padBackwardX(ones, image, settings).data]).toEqual([1, 3, 1, 3, 9, 3, 1, 3, 1]);
  });
});

describe('warp', () => {
  const map = { xx: 1, xy: 0, x0: 0, yx: 0, yy: 1, y0: 0, xLow: 0, xHigh: 3, yLow: 0, yHigh: 3 };
  const warp = (change: Partial<I.Warp>) => [...I.warp(image, [3, 3], { ...map, ...change }).data];

  test('identity, shift by a whole and by half a pixel, 0 outside', () => {
    expect(warp({})).toEqual([...image.data]);
    expect(warp({ x0: 1 })).toEqual([2, 3, 0, 5, 6, 0, 8, 9, 0]);
    expect(warp({ y0: -0.5 })).toEqual([0.5, 1, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
    expect(warp({ x0: 0.25, y0: 0.5 })).toEqual([2.75, 3.75, 3.375, 5.75, 6.75, 5.625, 3.625, 4.125, 3.375]);
  });

  test('a quarter turn, a zoom, and the valid rectangle', () => {
    expect(warp({ xx: 0, xy: 1, yx: -1, yy: 0, y0: 2 })).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
    expect(warp({ xx: 0.5, yy: 0.5 })).toEqual([1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]);
    expect(warp({ xLow: 1, xHigh: 3, yLow: 0, yHigh: 2 })).toEqual([0, 2, 3, 0, 5, 6, 0, 0, 0]);
  });
});

test('colour: the rows of the matrix over the largest column norm, then a sigmoid', () => {
  const y = I.colour(filled([1, 3, 1, 1], (i) => (i === 0 ? 1 : 0)));
  const norm = Math.hypot(0.26, 0.27, 0.27);
  for (const [c, value] of [0.26, 0.27, 0.27].entries())
    expect(y.data[c]).toBeCloseTo(1 / (1 + Math.exp(-value / norm)), 14);
  expect([...I.colour(zeros(1, 3, 1, 1)).data]).toEqual([0.5, 0.5, 0.5]);
  expect(I.COLOUR[1][2]).toBeCloseTo(-0.05 / norm, 14);
});

test('normalize: the statistics of ImageNet per channel', () => {
  const x = zeros(1, 3, 1, 1);
  x.data.set([0.485 + 0.229, 0.456 - 2 * 0.224, 0.406]);
  const y = I.normalize(x);
  for (const [c, value] of [1, -2, 0].entries()) expect(y.data[c]).toBeCloseTo(value, 12);
});
