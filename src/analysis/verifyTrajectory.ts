// Goldens of an optimisation (e_traj_*): the first image, the gradient at the first step, the first Adam step, and the
// losses of all steps, from a given spectrum and without transforms. The spectrum may be given as the seed of its
// random numbers; of the image every so many pixels, and of the gradient some rows, are enough.

import { PURPOSE, philox } from '../engine/random.ts';
import { errorOverRms } from '../engine/selfTest.ts';
import { ADAM } from '../kernels/reference.ts';
import { findTap } from '../model/taps.ts';
import { type AscendSettings, ascend } from '../visualization/ascend.ts';
import { BOUNDS, type Goldens, type Row, relativeL2, type VerifyContext } from './verify.ts';

const LOSSES = /^e_traj_(.+)_ch(\d+)_losses$/;
const LEARNING_RATE = 0.05;

export async function* verifyTrajectory(context: VerifyContext): AsyncGenerator<Row> {
  for (const name of Object.keys(context.goldens.manifest)) {
    const [, module, channel] = LOSSES.exec(name) ?? [];
    if (module) yield* verifyOne(context, name.slice(0, -'_losses'.length), module, Number(channel));
  }
}

async function* verifyOne(
  context: VerifyContext,
  name: string,
  module: string,
  channel: number,
): AsyncGenerator<Row> {
  const { network, goldens, serves } = context;
  const { place } = findTap(network, module);
  if (!serves(place)) return;
  const shape = goldens.manifest[`${name}_init`].shape;
  const init = await firstSpectrum(goldens, `${name}_init`);
  const losses = await goldens.load(`${name}_losses`);
  const steps = losses.shape[1];
  const settings: AscendSettings = {
    objective: 'center',
    steps,
    learningRate: LEARNING_RATE,
    size: shape[1],
    transforms: { jitter: 0, scales: [1], angles: [0] },
  };
  const target = { channel, name, seed: 0, spectrum: init };
  const run = async (count: number) =>
    (await ascend(context, place, [target], { ...settings, steps: count }))[0];
  const row = (what: string, error: number, bound: number, measure: string): Row => ({
    group: 'trajectory',
    name: `${module}:${channel}, ${what}`,
    error,
    bound,
    measure,
  });

  if (`${name}_image0` in goldens.manifest) {
    const { step = 1 } = (goldens.manifest[`${name}_image0`].params ?? {}) as { step?: number };
    const n = shape[1];
    const { image } = await run(0);
    const kept = image.filter((_, i) => (i % n) % step === 0 && (Math.floor(i / n) % n) % step === 0);
    const expected = await goldens.load(`${name}_image0`);
    yield row('first image', errorOverRms(kept, expected.data), BOUNDS.image, 'max / rms');
  }
  if (`${name}_grad0` in goldens.manifest) {
    const first = await run(1);
    const gradient = (await goldens.load(`${name}_grad0`)).data;
    const { rows } = (goldens.manifest[`${name}_grad0`].params ?? {}) as { rows?: number[] };
    const kept = (values: Float32Array) => (rows ? spectrumRows(values, shape, rows) : values);
    // the golden is the gradient of the loss, which is minus the objective; after one step m = (1 - beta1) g
    const ascent = kept(first.firstMoment).map((m) => -m / (1 - ADAM.beta1));
    yield row('first gradient', relativeL2(ascent, gradient), BOUNDS.gradient, 'relative L2');
    const stepped = firstStep(kept(init), gradient);
    const [actual, expected] = aboveRounding(gradient, kept(first.spectrum), stepped);
    yield row('first Adam step', relativeL2(actual, expected), BOUNDS.adam, 'relative L2');
    yield row('gradients below rounding', 1 - actual.length / gradient.length, 1e-3, 'fraction');
  }
  const { max_rel_dev_f32_f64: deviation } = goldens.manifest[`${name}_losses`] as unknown as {
    max_rel_dev_f32_f64: number;
  };
  const { objective } = await run(steps);
  const float64 = losses.data.subarray(steps); // row 0 is PyTorch's float32 run, row 1 its float64 run
  const worst = Math.max(
    ...objective.map((value, i) => Math.abs(-value - float64[i]) / Math.abs(float64[i])),
  );
  yield row(`losses of ${steps} steps`, worst, 3 * deviation, 'max relative');
}

/** The spectrum [3,n,F,2] to start from: stored, or uniform on +-spread/2 in steps of spread 2^-24. */
async function firstSpectrum(goldens: Goldens, name: string): Promise<Float32Array> {
  const { shape, params } = goldens.manifest[name];
  const { philox: seed, spread } = (params ?? {}) as { philox?: number; spread?: number };
  if (seed === undefined || spread === undefined) return Float32Array.from((await goldens.load(name)).data);
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < values.length; i += 4) {
    const words = philox([i / 4, 0, 0, PURPOSE.test], [seed, 0]);
    values.set(words.map((word) => ((word >>> 8) * 2 ** -24 - 0.5) * spread).slice(0, values.length - i), i);
  }
  return values;
}

/** Some rows of a spectrum [3,n,F,2]. */
const spectrumRows = (values: Float32Array, [, n, F]: readonly number[], rows: readonly number[]) =>
  Float32Array.from(
    [0, 1, 2].flatMap((c) =>
      rows.flatMap((row) => Array.from(values.subarray((c * n + row) * F * 2, (c * n + row + 1) * F * 2))),
    ),
  );

/** The parameters after Adam's first step on a loss with this gradient: p - lr g / (|g| + eps). */
const firstStep = (p: ArrayLike<number>, g: ArrayLike<number>): Float64Array =>
  Float64Array.from(
    { length: p.length },
    (_, i) => p[i] - (LEARNING_RATE * g[i]) / (Math.abs(g[i]) + ADAM.eps),
  );

/**
 * Adam's first step is the sign of the gradient, nearly, and where float32 rounding decides the sign it decides the
 * step: there PyTorch's own float32 and float64 disagree. Keeps the elements whose gradient is above 2^-20 of the rms.
 */
function aboveRounding(gradient: ArrayLike<number>, ...arrays: ArrayLike<number>[]): number[][] {
  const g = Array.from(gradient);
  const floor = 2 ** -20 * Math.sqrt(g.reduce((sum, v) => sum + v * v, 0) / g.length);
  return arrays.map((values) => Array.from(values).filter((_, i) => Math.abs(g[i]) > floor));
}
