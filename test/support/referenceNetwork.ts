// The whole ascent step in float64 loops, from a spectrum to the gradient of a centre unit, in the same windows as
// the engine computes: what the GPU is compared with when PyTorch is not at hand. Blocks without edits; no transforms.

import * as image from '../../src/kernels/imageReference.ts';
import * as reference from '../../src/kernels/reference.ts';
import { type Array64, zeros } from '../../src/kernels/reference.ts';
import {
  convolutions,
  type Filter,
  type Layout,
  POOL,
  paddingBetween,
  rowsOf,
  STEM,
} from '../../src/model/receptiveField.ts';
import type { Weights } from '../../src/model/weights.ts';
import { quickConv2d, quickConv2dBackwardX } from './quickConv.ts';

type Backward = (dy: Array64) => Array64;

const plus = (a: Array64, b: Array64): Array64 => ({
  shape: a.shape,
  data: a.data.map((v, i) => v + b.data[i]),
});

/** Layers over one set of weights and one layout; each returns its output and the function that takes dy to dx. */
function layersOf(weights: Weights, { windows }: Layout) {
  const tensor = (name: string): Array64 => {
    const { shape, data } = weights.get(name)!;
    return { shape, data: Float64Array.from(data) };
  };
  const padding = (from: string, to: string, filter: Filter) => {
    const [before, after] = paddingBetween(windows.get(from)!, windows.get(to)!, filter);
    return [before, before, after, after] as const;
  };
  const convolve = (
    x: Array64,
    from: string,
    to: string,
    filter: Filter,
    conv: string,
    bn: string,
  ): [Array64, Backward] => {
    const w = tensor(`${conv}.weight`);
    const settings = { stride: filter.stride, pad: padding(from, to, filter) };
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (f) => tensor(`${bn}.${f}`).data,
    );
    const parameters = { gamma, beta, mean, variance, eps: 1e-5 };
    const y = reference.batchNorm(quickConv2d(x, w, settings), parameters);
    return [y, (dy) => quickConv2dBackwardX(reference.batchNormBackwardX(dy, parameters), x, w, settings)];
  };
  const relu = (x: Array64): [Array64, Backward] => [
    reference.relu(x),
    (dy) => reference.reluBackwardX(dy, x),
  ];
  const maxPool = (x: Array64): [Array64, Backward] => {
    const settings = { size: POOL.size, stride: POOL.stride, pad: padding('conv1', 'maxpool', POOL) };
    const { y, argmax } = reference.maxPool(x, settings);
    return [y, (dy) => reference.maxPoolBackwardX(dy, x, argmax)];
  };
  return { convolve, relu, maxPool };
}

/** The value of `place` (its whole window) for a window of the network's input, and dx for a given dy. */
export function referenceNetwork(
  weights: Weights,
  layout: Layout,
  place: string,
  x: Array64,
): [Array64, Backward] {
  const { network, windows } = layout;
  const { convolve, relu, maxPool } = layersOf(weights, layout);
  const [stem, stemBack] = convolve(x, 'input', 'conv1', STEM, 'conv1', 'bn1');
  const [rectified, rectifiedBack] = relu(stem);
  let [stream, streamBack] = maxPool(rectified);
  const poolBack = streamBack;
  streamBack = (dy) => stemBack(rectifiedBack(poolBack(dy)));
  if (place === 'maxpool') return [stream, streamBack];
  let input = 'maxpool';
  for (const { name, module, ...block } of network.blocks) {
    const filters = convolutions(block);
    const before = streamBack;
    const source = stream;
    let bypass: [Array64, Backward] = [source, (dy) => dy];
    if (windows.has(`${name}.I`)) {
      bypass = convolve(
        source,
        input,
        `${name}.I`,
        filters.bypass,
        `${module}.downsample.0`,
        `${module}.downsample.1`,
      );
      if (place === `${name}.I`) return [bypass[0], (dy) => before(bypass[1](dy))];
    }
    const [inner, innerBack] = convolve(
      source,
      input,
      `${name}.conv1`,
      filters.conv1,
      `${module}.conv1`,
      `${module}.bn1`,
    );
    const [t, tBack] = relu(inner);
    const [b, bBack] = convolve(
      t,
      `${name}.conv1`,
      `${name}.B`,
      filters.conv2,
      `${module}.conv2`,
      `${module}.bn2`,
    );
    const mainBack: Backward = (dy) => innerBack(tBack(bBack(dy)));
    if (place === `${name}.B`) return [b, (dy) => before(mainBack(dy))];
    const first =
      windows.get(`${name}.O`)!.start - windows.get(block.downsample ? `${name}.I` : input)!.start;
    const offset = { offset: [first, first] as const };
    const sum = reference.add(bypass[0], b, offset);
    const sumBack: Backward = (dy) =>
      before(plus(mainBack(dy), bypass[1](reference.addBackwardA(dy, bypass[0], offset))));
    if (place === `${name}.O`) return [sum, sumBack];
    const [out, outBack] = relu(sum);
    [stream, streamBack, input] = [out, (dy) => sumBack(outBack(dy)), `${name}.O`];
  }
  throw new Error(`referenceNetwork: no place ${place}`);
}

/** A centre unit's value and its gradient by the spectrum [1,3,n,F,2], without transforms. */
export function referenceStep(
  weights: Weights,
  layout: Layout,
  place: string,
  channel: number,
  spectrum: Array64,
): { value: number; gradient: Array64 } {
  const n = spectrum.shape[2];
  const { start } = layout.windows.get('input')!;
  const rows = rowsOf(layout, 'input');
  const window = { origin: [start, start], size: [rows, rows] } as const;
  const scale = image.frequencyScale(n, n);
  const z = image.spectrumColumns(spectrum, scale, window);
  const rgb = image.colour(image.spectrumRows(z, n, n, window));
  const [y, back] = referenceNetwork(weights, layout, place, image.normalize(rgb));
  const dy = zeros(...y.shape);
  dy.data[channel] = 1;
  const draw = image.colourBackwardX(image.normalizeBackwardX(back(dy)), rgb);
  const dz = image.spectrumRowsBackwardZ(draw, z, n, n, window);
  return { value: y.data[channel], gradient: image.spectrumColumnsBackwardP(dz, spectrum, scale, window) };
}
