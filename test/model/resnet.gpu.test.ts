// The recorded network: windows give the numbers of the whole frame at every tap, the classifier agrees with the
// float64 loops, and an edit at a tap reaches what follows it and nothing before.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { normals, PURPOSE } from '../../src/engine/random.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../../src/engine/tensor.ts';
import * as reference from '../../src/kernels/reference.ts';
import { relu } from '../../src/kernels/relu.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { centreOf, framesOf, type Layout, layoutOf } from '../../src/model/receptiveField.ts';
import { type ResnetOptions, recordResnet } from '../../src/model/resnet.ts';
import { tapsOf } from '../../src/model/taps.ts';
import { referenceNetwork } from '../support/referenceNetwork.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
const places = [...new Set(tapsOf(network).map(({ place }) => place))];
const image = (n: number) => normals({ seed: 3, stream: n, purpose: PURPOSE.test }, 3 * n * n);
/** Whole frames of some places. */
const whole = (n: number, wanted: readonly string[]) =>
  layoutOf(
    network,
    n,
    wanted.map((place) => ({ place, region: 'all' })),
  );
let gpu: Gpu;
let parameters: Parameters;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

/** Runs a layout on an image of n rows; returns the wanted tensors. */
async function run(
  layout: Layout,
  n: number,
  wanted: readonly string[],
  options?: ResnetOptions,
): Promise<Map<string, Float32Array>> {
  const { start, end } = layout.windows.get('input')!;
  const pixels = image(n).filter((_, i) => {
    const [y, x] = [Math.floor(i / n) % n, i % n];
    return y >= start && y < end && x >= start && x < end;
  });
  const tape = new Tape();
  const x = createTensor(gpu, 'x', [1, 3, end - start, end - start], { data: pixels });
  const recorded = recordResnet(tape, layout, parameters, x, options);
  const kept = wanted.map((place): [string, Tensor] => [place, tape.keep(recorded.get(place)!)]);
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const values = new Map<string, Float32Array>();
  for (const [place, tensor] of kept) values.set(place, await read(gpu, tensor));
  plan.destroy();
  destroy(gpu, x);
  return values;
}

describe.each([224, 225, 230])('windows of an input of %i px', (n) => {
  test('hold the same numbers as whole frames, at every tap', async () => {
    const all = whole(n, places);
    const maps = await run(all, n, places);
    for (const place of places) {
      const layout = layoutOf(network, n, [{ place, region: 'centre' }]);
      const window = (await run(layout, n, [place])).get(place)!;
      const map = maps.get(place)!;
      const [frame, centre] = [all.windows.get(place)!.end, layout.windows.get(place)!.start];
      const expected = window.map((_, c) => map[(c * frame + centre) * frame + centre]);
      expect(errorOverRms(window, expected), place).toBeLessThan(1e-5);
    }
  });
});

/** The gradient by the input [3,rows,rows] of one channel's centre unit at `place`, in this layout. */
async function gradient(layout: Layout, n: number, place: string, channel: number): Promise<Float32Array> {
  const { start, end } = layout.windows.get('input')!;
  const inside = (i: number) => i >= start && i < end;
  const pixels = image(n).filter((_, i) => inside(Math.floor(i / n) % n) && inside(i % n));
  const tape = new Tape();
  const shape = [1, 3, end - start, end - start];
  const x = createTensor(gpu, 'x', shape, { data: pixels, differentiable: true });
  const y = recordResnet(tape, layout, parameters, x).get(place)!;
  const rows = y.shape[2];
  const unit = new Float32Array(y.size);
  const centre = centreOf(framesOf(network, n).get(place)!).start - layout.windows.get(place)!.start;
  unit[(channel * rows + centre) * rows + centre] = 1;
  const dy = createTensor(gpu, 'dy', y.shape, { data: unit });
  const dx = tape.keep(gradientOf(tape.backward(y, dy), x));
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const values = await read(gpu, dx);
  plan.destroy();
  destroy(gpu, x, dy);
  return values;
}

// without jitter the five scales feed these sizes; 4.0 and 4.1 touch the border of all of them
describe.each([224, 225, 230, 236])('gradients in windows of an input of %i px', (n) => {
  test.each(places.filter((place) => place !== 'maxpool'))(
    '%s: as in the whole frame, and 0 outside',
    async (place) => {
      const layout = layoutOf(network, n, [{ place, region: 'centre' }]);
      const window = await gradient(layout, n, place, 5);
      const frame = await gradient(whole(n, [place]), n, place, 5);
      const { start, end } = layout.windows.get('input')!;
      const inside = (i: number) => i >= start && i < end;
      const isIn = (i: number) => inside(Math.floor(i / n) % n) && inside(i % n);
      expect(
        errorOverRms(
          window,
          frame.filter((_, i) => isIn(i)),
        ),
      ).toBeLessThan(1e-5);
      expect(frame.every((value, i) => isIn(i) || value === 0)).toBe(true);
      expect(window.some((value) => value !== 0)).toBe(true);
    },
  );
});

test('whole frames and the classifier agree with the float64 loops', async () => {
  const n = 64;
  const layout = whole(n, ['1.1.O', '4.1.O']);
  const values = await run(layout, n, ['1.1.O', '4.1.O', 'logits'], { head: true });
  const x = { shape: [1, 3, n, n], data: Float64Array.from(image(n)) };
  for (const place of ['1.1.O', '4.1.O']) {
    const [expected] = referenceNetwork(weights, layout, place, x);
    expect(errorOverRms(values.get(place)!, expected.data), place).toBeLessThan(1e-5);
  }
  const [stream] = referenceNetwork(weights, layout, '4.1.O', x);
  const tensor = (name: string) => ({
    shape: weights.get(name)!.shape,
    data: Float64Array.from(weights.get(name)!.data),
  });
  const pooled = reference.globalAveragePool(reference.relu(stream));
  const logits = reference.linear(pooled, tensor('fc.weight'), tensor('fc.bias'));
  expect(errorOverRms(values.get('logits')!, logits.data)).toBeLessThan(1e-5);
});

test('an edit at a tap changes what follows and nothing before', async () => {
  const wanted = ['1.1.O', '2.0.B', '2.0.O', '2.1.O'];
  const layout = whole(64, wanted);
  const plain = await run(layout, 64, wanted);
  const edits = new Map([['2.0.B', (tape: Tape, x: Tensor) => tape.apply(relu, { x })]]);
  const edited = await run(layout, 64, wanted, { edits });
  expect(edited.get('1.1.O')).toEqual(plain.get('1.1.O'));
  expect(edited.get('2.0.B')).toEqual(plain.get('2.0.B')!.map((v) => Math.max(v, 0)));
  expect(edited.get('2.0.O')).not.toEqual(plain.get('2.0.O'));
  expect(edited.get('2.1.O')).not.toEqual(plain.get('2.1.O'));
});
