// Goldens of the image: parametrisation (a_*) and transforms (b_*), forward and backward.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { errorOverRms } from '../engine/selfTest.ts';
import { gradientOf, Tape } from '../engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../engine/tensor.ts';
import { normalize } from '../kernels/normalize.ts';
import { pad } from '../kernels/pad.ts';
import { WARP_FIELDS, warp } from '../kernels/warp.ts';
import { roundHalfToEven } from '../model/preprocess.ts';
import {
  createSpectrumTables,
  destroySpectrumTables,
  layoutOfSpectra,
  planarImage,
  recordImage,
} from '../visualization/parametrization.ts';
import {
  type Affine,
  type Draw,
  localMap,
  networkFrame,
  placeTransforms,
  planTransforms,
  recordTransforms,
  rotation,
  scaledFrame,
  scaling,
  translation,
} from '../visualization/transforms.ts';
import { BOUNDS, type Golden, type Row, relativeL2, type VerifyContext } from './verify.ts';

type Recording = (
  tape: Tape,
  x: Tensor,
  table: (label: string, shape: number[], data: number[], type?: 'f32' | 'u32' | 'i32') => Tensor,
) => Tensor;

/** Runs a recording of one input forward and, with a cotangent, backward. */
async function run(
  gpu: Gpu,
  shape: readonly number[],
  data: ArrayLike<number>,
  record: Recording,
  cotangent?: ArrayLike<number>,
) {
  const owned: Tensor[] = [];
  const table = (
    label: string,
    tableShape: number[],
    values: number[],
    type: 'f32' | 'u32' | 'i32' = 'f32',
  ) => {
    const tensor = createTensor(gpu, label, tableShape, { type, data: values });
    owned.push(tensor);
    return tensor;
  };
  const tape = new Tape();
  const x = createTensor(gpu, 'x', [1, ...shape], { data, differentiable: true });
  owned.push(x);
  const y = tape.keep(record(tape, x, table));
  const dx =
    cotangent &&
    tape.keep(gradientOf(tape.backward(y, table('dy', [...y.shape], [...Array.from(cotangent)])), x));
  const plan = await Plan.compile(gpu, tape);
  try {
    submit(gpu, [plan]);
    return { y: await read(gpu, y), dx: dx && (await read(gpu, dx)) };
  } finally {
    plan.destroy();
    destroy(gpu, ...owned);
  }
}

export async function* verifyImage(context: VerifyContext): AsyncGenerator<Row> {
  yield* verifyParametrization(context);
  yield* verifyTransforms(context);
}

async function* verifyParametrization({ gpu, goldens }: VerifyContext): AsyncGenerator<Row> {
  for (const name of Object.keys(goldens.manifest).filter((key) => key.startsWith('a_img_'))) {
    const key = name.slice('a_img_'.length);
    const size = goldens.manifest[name].shape[1];
    const spectrum = await goldens.load(`a_spec_${key}`);
    // the 224 cotangent is shared, and of its gradient only the first rows are kept
    const gradientName = [`a_dspec_${key}`, `a_dspec_${key}_row0to3`].find(
      (entry) => entry in goldens.manifest,
    );
    const cotangentName = `a_cot_${key}` in goldens.manifest ? `a_cot_${key}` : `a_cot_${size}`;
    const cotangent = gradientName ? await goldens.load(cotangentName) : undefined;
    const tables = createSpectrumTables(gpu, size);
    const record: Recording = (tape, p, table) =>
      planarImage(
        tape,
        recordImage(tape, p, tables, {
          rows: size,
          origins: table('origins', [1, 1, 2], [0, 0], 'u32'),
          clock: table('clock', [1], [0], 'u32'),
        }),
      );
    const { shape, store, load } = layoutOfSpectra(tables);
    const [, ...stored] = shape(1);
    const { y, dx: gradientStored } = await run(
      gpu,
      stored,
      store(Float32Array.from(spectrum.data)),
      record,
      cotangent?.data,
    );
    destroySpectrumTables(gpu, tables);
    const expected = await goldens.load(name);
    yield imageRow(`image ${key}`, errorOverRms(y, expected.data));
    if (!gradientName || !gradientStored) continue;
    const dx = load(gradientStored);
    const gradient = await goldens.load(gradientName);
    const [, rows, F] = gradient.shape;
    const kept = dx.filter((_, i) => Math.floor(i / (2 * F)) % spectrum.shape[1] < rows);
    yield imageRow(`image ${key}, gradient`, errorOverRms(kept, gradient.data));
  }
}

const imageRow = (name: string, error: number): Row => ({
  group: 'image',
  name,
  error,
  bound: BOUNDS.image,
  measure: 'max / rms',
});

/** By L2: PyTorch rounds sampling positions to float32 itself, and single pixels of its results are off by 2e-5. */
const transformRow = (name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): Row => ({
  group: 'transform',
  name,
  error: relativeL2(actual, expected),
  bound: BOUNDS.transform,
  measure: 'relative L2',
});

async function* verifyTransforms({ gpu, goldens }: VerifyContext): AsyncGenerator<Row> {
  const names = Object.keys(goldens.manifest).filter(
    (key) => `${key}_vjp` in goldens.manifest && key.startsWith('b_'),
  );
  if (names.length === 0) return;
  const base = await goldens.load('b_base');
  for (const name of names) {
    const golden = goldens.manifest[name];
    const expected = await goldens.load(name);
    const cotangent = await goldens.load(`b_cot_${golden.shape[1]}`);
    const { y, dx } = await run(
      gpu,
      base.shape,
      base.data,
      transformOf(name, golden, base.shape[1]),
      cotangent.data,
    );
    yield transformRow(name.slice(2), y, expected.data);
    yield transformRow(`${name.slice(2)}, gradient`, dx!, (await goldens.load(`${name}_vjp`)).data);
  }
}

interface TransformParameters {
  pad: number;
  dx: number;
  dy: number;
  scale: number;
  deg: number;
  j1: [number, number];
  j2: [number, number];
}

/** What a golden's name and parameters say was applied to an image of n rows. */
function transformOf(name: string, golden: Golden, n: number): Recording {
  const p = golden.params as unknown as TransformParameters;
  const rows = golden.shape[1];
  if (name.startsWith('b_chain')) return chain(n, p, name.includes('_j4') ? 4 : 0);
  if (name.startsWith('b_pad')) return framed(n, rows, -p.pad);
  if (name.startsWith('b_centercrop')) return framed(n, rows, roundHalfToEven((n - rows) / 2));
  if (name.startsWith('b_jitter')) return warped(translation([p.dx, p.dy], n), n);
  if (name.startsWith('b_scale')) return warped(scaling(p.scale, n), scaledFrame(n, p.scale).frame);
  if (name.startsWith('b_rot')) return warped(rotation(p.deg, n), n);
  return (tape, x) => tape.apply(normalize, { x });
}

/** Reflect padding (start < 0) or a crop (start > 0) of the whole image. */
const framed =
  (n: number, rows: number, start: number): Recording =>
  (tape, x, table) => {
    const placements = table('placements', [1, 1, 4], [0, 0, start, start], 'i32');
    return tape.apply(
      pad,
      { x, placements, clock: table('clock', [1], [0], 'u32') },
      { frame: [n, n], size: [rows, rows] },
    );
  };

const warped =
  (affine: Affine, rows: number): Recording =>
  (tape, x, table) => {
    const map = localMap(affine);
    const maps = table(
      'maps',
      [1, 1, WARP_FIELDS.length],
      WARP_FIELDS.map((field) => map[field]),
    );
    return tape.apply(warp, { x, maps, clock: table('clock', [1], [0], 'u32') }, { size: [rows, rows] });
  };

/** The whole chain as the ascent records it, for one draw. */
const chain =
  (n: number, p: TransformParameters, jitter: number): Recording =>
  (tape, x, table) => {
    const draw: Draw = { first: p.j1 ?? [0, 0], scale: p.scale, angle: p.deg, second: p.j2 ?? [0, 0] };
    const settings = { jitter, scales: [p.scale], angles: [p.deg] };
    const plan = planTransforms(settings, n, networkFrame(settings, n, draw));
    const { pad: placement, maps } = placeTransforms(plan, draw, 0);
    const tables = plan.stages.flatMap(({ kind }) => {
      const map = maps[kind];
      return map
        ? [
            [
              kind,
              table(
                kind,
                [1, 1, WARP_FIELDS.length],
                WARP_FIELDS.map((field) => map[field]),
              ),
            ] as const,
          ]
        : [];
    });
    const moved = recordTransforms(tape, x, plan, {
      clock: table('clock', [1], [0], 'u32'),
      placements: table('placements', [1, 1, 4], [...placement], 'i32'),
      maps: Object.fromEntries(tables),
    });
    return tape.apply(normalize, { x: moved });
  };
