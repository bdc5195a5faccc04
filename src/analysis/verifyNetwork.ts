// Goldens of the network: what every tap holds for an image (c_act_*, whole frames), and the gradient of a centre
// unit by the network's input (d_grad_*, d_stat_*; computed here in its receptive field alone). An image is given as
// the normalised input, c_NAME_input, or as its pixels, c_NAME_u8.

import { Plan, submit } from '../engine/plan.ts';
import { gradientOf, Tape } from '../engine/tape.ts';
import { createTensor, destroy, read } from '../engine/tensor.ts';
import { IMAGENET_MEAN, IMAGENET_STD } from '../kernels/imageReference.ts';
import { objective } from '../kernels/objective.ts';
import type { NpyArray } from '../model/npy.ts';
import { layoutOf, rowsOf } from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import { findTap } from '../model/taps.ts';
import {
  BOUNDS,
  cosineDistance,
  type Golden,
  type Goldens,
  type Row,
  relativeL2,
  type VerifyContext,
} from './verify.ts';

const ACTIVATION = /^c_act_([a-z]+\d+)_(.+)$/;
const MAP = /^c_full_([a-z]+\d+)_(.+)_ch(\d+)$/;
const GRADIENT = /^d_(grad|stat)_([a-z]+\d+)_(.+)_ch(\d+)$/;

export async function* verifyNetwork(context: VerifyContext): AsyncGenerator<Row> {
  const names = Object.keys(context.goldens.manifest);
  const photos = new Set(names.flatMap((name) => ACTIVATION.exec(name)?.[1] ?? []));
  for (const photo of photos) yield* verifyTaps(context, photo, names);
  for (const name of names.filter((key) => GRADIENT.test(key))) yield* verifyGradient(context, name);
}

const placeOf = ({ network }: VerifyContext, module: string): string => findTap(network, module).place;

async function* verifyTaps(
  context: VerifyContext,
  photo: string,
  names: readonly string[],
): AsyncGenerator<Row> {
  const { goldens, serves } = context;
  const wanted = names.flatMap((name) => {
    const [, ofPhoto, module] = ACTIVATION.exec(name) ?? MAP.exec(name) ?? [];
    if (ofPhoto !== photo) return [];
    const place = placeOf(context, module);
    return serves(place) ? [{ name, module, place }] : [];
  });
  if (wanted.length === 0) return;
  const maps = await wholeMaps(context, photo, [...new Set(wanted.map(({ place }) => place))]);
  for (const { name, module, place } of wanted) {
    const golden = await goldens.load(name);
    const { shape, data } = maps.get(place)!;
    const channel = MAP.exec(name)?.[3];
    if (channel !== undefined) {
      const plane = data.subarray(
        Number(channel) * golden.data.length,
        (Number(channel) + 1) * golden.data.length,
      );
      yield tapRow(
        place,
        `${photo} ${module}, channel ${channel}`,
        largestDifference(plane, golden.data) / rms(golden.data),
      );
      continue;
    }
    // torchvision's block modules end with a ReLU; the tap O is read before it
    const rectified = /^layer\d+\.\d+$/.test(module);
    const statistics = statisticsOf(rectified ? data.map((v) => Math.max(v, 0)) : data, shape[1], shape[2]);
    yield tapRow(
      place,
      `${photo} ${module}`,
      statisticsError(statistics, golden.data, shape[1], shape[2] * shape[3]),
    );
  }
}

const tapRow = (place: string, name: string, error: number): Row => ({
  group: 'tap',
  place,
  name,
  error,
  bound: BOUNDS.tap,
  measure: 'max / rms',
});

const rms = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0) / values.length);

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(b).reduce((most, value, i) => Math.max(most, Math.abs(value - a[i])), 0);

/** The network's input [3,n,n] for an image. */
async function networkInput(goldens: Goldens, image: string) {
  if (`c_${image}_input` in goldens.manifest) return goldens.load(`c_${image}_input`);
  const { shape, data: pixels } = await goldens.load(`c_${image}_u8`);
  const n = shape[0];
  // rounded after every operation, as PyTorch's float32 does
  const { fround } = Math;
  const data = Float32Array.from({ length: 3 * n * n }, (_, i) => {
    const [c, pixel] = [Math.floor(i / n / n), i % (n * n)];
    const centred = fround(fround(pixels[3 * pixel + c] / 255) - fround(IMAGENET_MEAN[c]));
    return centred / fround(IMAGENET_STD[c]);
  });
  return { shape: [3, n, n], data };
}

/** The whole frames [1,C,rows,rows] of several places for one photograph. */
async function wholeMaps(
  { gpu, network, parameters, goldens }: VerifyContext,
  photo: string,
  places: readonly string[],
) {
  const input = await networkInput(goldens, photo);
  const layout = layoutOf(network, input.shape[1], [
    { place: 'input', region: 'all' },
    ...places.map((place) => ({ place, region: 'all' as const })),
  ]);
  const tape = new Tape();
  const x = createTensor(gpu, 'photo', [1, ...input.shape], { data: input.data });
  const recorded = recordResnet(tape, layout, parameters, x);
  const kept = places.map((place) => tape.keep(recorded.get(place)!));
  const plan = await Plan.compile(gpu, tape);
  try {
    submit(gpu, [plan]);
    const maps = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const [i, place] of places.entries())
      maps.set(place, { shape: kept[i].shape, data: await read(gpu, kept[i]) });
    return maps;
  } finally {
    plan.destroy();
    destroy(gpu, x);
  }
}

/** [4,C]: the centre unit, mean, population standard deviation and mean of absolute values of every channel. */
function statisticsOf(data: Float32Array, C: number, rows: number): Float64Array {
  const pixels = rows * rows;
  const centre = Math.floor(rows / 2) * (rows + 1);
  const statistics = new Float64Array(4 * C);
  for (let c = 0; c < C; c++) {
    const plane = Float64Array.from(data.subarray(c * pixels, (c + 1) * pixels));
    const mean = plane.reduce((sum, v) => sum + v, 0) / pixels;
    statistics[c] = plane[centre];
    statistics[C + c] = mean;
    statistics[2 * C + c] = Math.sqrt(plane.reduce((sum, v) => sum + (v - mean) ** 2, 0) / pixels);
    statistics[3 * C + c] = plane.reduce((sum, v) => sum + Math.abs(v), 0) / pixels;
  }
  return statistics;
}

/** Largest difference of any statistic over the rms of the tap. The golden's last row sums over pixels. */
function statisticsError(actual: Float64Array, golden: ArrayLike<number>, C: number, pixels: number): number {
  let [squares, worst] = [0, 0];
  for (let c = 0; c < C; c++) squares += golden[C + c] ** 2 + golden[2 * C + c] ** 2;
  actual.forEach((value, i) => {
    const expected = i < 3 * C ? golden[i] : golden[i] / pixels;
    worst = Math.max(worst, Math.abs(value - expected));
  });
  return worst / Math.sqrt(squares / C);
}

async function* verifyGradient(context: VerifyContext, name: string): AsyncGenerator<Row> {
  const { goldens, serves } = context;
  const [, kind, photo, module, channel] = GRADIENT.exec(name)!;
  const place = placeOf(context, module);
  if (!serves(place)) return;
  const { value, gradient } = await centreGradient(context, photo, place, Number(channel));
  const label = `${photo} ${module}:${channel}`;
  const facts = goldens.manifest[name] as unknown as { value: number; l2?: number; torch_f32_rel_l2: number };
  const row = (what: string, error: number, bound: number, measure: string): Row => ({
    group: 'gradient',
    name: `${label}${what}`,
    error,
    bound,
    measure,
  });
  yield row(
    ', value',
    Math.abs(value - facts.value) / Math.max(1, Math.abs(facts.value)),
    BOUNDS.tap,
    'difference',
  );
  if (kind === 'stat') {
    // an isolated ReLU flip moves PyTorch's own float32 gradient by torch_f32_rel_l2
    const norm = Math.sqrt(gradient.reduce((sum, v) => sum + v * v, 0));
    const bound = Math.max(BOUNDS.gradient, facts.torch_f32_rel_l2);
    yield row(', norm', Math.abs(norm - facts.l2!) / facts.l2!, bound, 'relative');
    return;
  }
  const expected = wholeFrame(goldens.manifest[name], await goldens.load(name));
  yield row(', direction', cosineDistance(gradient, expected), BOUNDS.cosine, '1 - cosine');
  yield row('', relativeL2(gradient, expected), BOUNDS.gradient, 'relative L2');
}

/** A gradient by the whole input. A golden may hold only the window outside of which it is exactly 0. */
function wholeFrame({ params }: Golden, { shape, data }: NpyArray): ArrayLike<number> {
  const { window, frame } = (params ?? {}) as { window?: [number, number]; frame?: number };
  if (!window || !frame) return data;
  const [C, rows, columns] = shape;
  const whole = new Float32Array(C * frame * frame);
  for (let line = 0; line < C * rows; line++) {
    const [c, y] = [Math.floor(line / rows), window[0] + (line % rows)];
    whole.set(data.subarray(line * columns, (line + 1) * columns), (c * frame + y) * frame + window[1]);
  }
  return whole;
}

/** A centre unit and its gradient by the whole input [3,n,n], computed in the unit's receptive field. */
async function centreGradient(
  { gpu, network, parameters, goldens }: VerifyContext,
  photo: string,
  place: string,
  channel: number,
) {
  const input = await networkInput(goldens, photo);
  const n = input.shape[1];
  const layout = layoutOf(network, n, [{ place, region: 'centre' }]);
  const { start } = layout.windows.get('input')!;
  const rows = rowsOf(layout, 'input');
  /** calls visit with flat indices into the window and the whole input */
  const forEachPixel = (visit: (inside: number, whole: number) => void) => {
    for (let i = 0; i < 3 * rows * rows; i++) {
      const [c, y, x] = [Math.floor(i / rows / rows), Math.floor(i / rows) % rows, i % rows];
      visit(i, (c * n + y + start) * n + x + start);
    }
  };
  const crop = new Float32Array(3 * rows * rows);
  forEachPixel((inside, whole) => {
    crop[inside] = input.data[whole];
  });
  const tape = new Tape();
  const x = createTensor(gpu, 'photo', [1, 3, rows, rows], { data: crop, differentiable: true });
  const channels = createTensor(gpu, 'channels', [1], { type: 'u32', data: [channel] });
  const ones = createTensor(gpu, 'ones', [1], { data: [1] });
  const places = recordResnet(tape, layout, parameters, x);
  const y = tape.keep(tape.apply(objective, { x: places.get(place)!, channels }, { region: [0, 0, 1, 1] }));
  const dx = tape.keep(gradientOf(tape.backward(y, ones), x));
  const plan = await Plan.compile(gpu, tape);
  try {
    submit(gpu, [plan]);
    const [[value], inside] = [await read(gpu, y), await read(gpu, dx)];
    const gradient = new Float32Array(3 * n * n);
    forEachPixel((i, whole) => {
      gradient[whole] = inside[i];
    });
    return { value, gradient };
  } finally {
    plan.destroy();
    destroy(gpu, x, channels, ones);
  }
}
