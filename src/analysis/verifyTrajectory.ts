// Goldens of an optimisation (e_traj_*): the gradient at the first step, the first Adam step, and the losses of all
// steps, from a given spectrum and without transforms.

import { ADAM } from '../kernels/reference.ts';
import { findTap } from '../model/taps.ts';
import { type AscendSettings, ascend } from '../visualization/ascend.ts';
import { BOUNDS, type Row, relativeL2, type VerifyContext } from './verify.ts';

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
  const { data: init, shape } = await goldens.load(`${name}_init`);
  const losses = await goldens.load(`${name}_losses`);
  const steps = losses.shape[1];
  const settings: AscendSettings = {
    objective: 'center',
    steps,
    learningRate: LEARNING_RATE,
    size: shape[1],
    transforms: { jitter: 0, scales: [1], angles: [0] },
  };
  const target = { channel, name, seed: 0, spectrum: Float32Array.from(init) };
  const run = async (count: number) =>
    (await ascend(context, place, [target], { ...settings, steps: count }))[0];
  const row = (what: string, error: number, bound: number, measure: string): Row => ({
    group: 'trajectory',
    name: `${module}:${channel}, ${what}`,
    error,
    bound,
    measure,
  });

  const first = await run(1);
  if (`${name}_grad0` in goldens.manifest) {
    const gradient = (await goldens.load(`${name}_grad0`)).data;
    // the golden is the gradient of the loss, which is minus the objective; after one step m = (1 - beta1) g
    const ascent = first.firstMoment.map((m) => -m / (1 - ADAM.beta1));
    yield row('first gradient', relativeL2(ascent, gradient), BOUNDS.gradient, 'relative L2');
    const [actual, expected] = aboveRounding(gradient, first.spectrum, firstStep(init, gradient));
    yield row('first Adam step', relativeL2(actual, expected), BOUNDS.adam, 'relative L2');
    yield row('gradients below rounding', 1 - actual.length / init.length, 1e-3, 'fraction');
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
