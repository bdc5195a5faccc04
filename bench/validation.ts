// What must hold before a step is timed. From starts of its own every unit makes one step without transforms; the
// objective and the gradient by the spectrum are compared with float64: PyTorch's, or the loops of referenceNetwork.ts.
//
// Float32 decides some ReLUs and maxima otherwise than float64 does, and one such flip moves a gradient by 1e-3 to 4e-2.
// So the median over the starts must be within the bound, and none a hundred times further.

import { relativeL2 } from '../src/analysis/verify.ts';
import { normals, PURPOSE, streamOf } from '../src/engine/random.ts';
import { spectrumColumnCount } from '../src/kernels/imageReference.ts';
import { ADAM } from '../src/kernels/reference.ts';
import { layoutOf } from '../src/model/receptiveField.ts';
import type { AscendContext } from '../src/visualization/ascend.ts';
import { ascendTogether } from '../src/visualization/together.ts';
import { referenceStep } from '../test/support/referenceNetwork.ts';
import { median } from './samples.ts';
import { cases, type StepCase, settingsOf, targetsOf } from './stepCase.ts';

export const BOUNDS = { objective: 1e-4, gradient: 1e-3 };
const FLIP = 100;

export interface Validation {
  valid: boolean;
  against?: string;
  /** relative to the rms of the channels there (PyTorch) or of the starts */
  objective?: { median: number; max: number };
  /** relative L2 */
  gradient?: { median: number; max: number };
}

/** Spectra [starts,3,size,F,2] and what float64 makes of them. */
export interface Reference {
  against: string;
  spectra: Float32Array[];
  /** undefined where nothing is known of a start */
  values: readonly (number | undefined)[];
  gradients: readonly (ArrayLike<number> | undefined)[];
  /** what an error of a value is compared with */
  scale: number;
}

/** The starts of a case: whole batches, at least cases.starts spectra. */
export function startsOf({ tap, batch }: StepCase): Float32Array[] {
  const { size, starts, spread } = cases;
  const source = { seed: 0, stream: streamOf(`bench/${tap.name}`), purpose: PURPOSE.test };
  const count = 6 * size * spectrumColumnCount(size);
  return Array.from({ length: batch * Math.ceil(starts / batch) }, (_, seed) =>
    normals({ ...source, seed }, count, spread),
  );
}

/** The loops of the tests: exact, and slow. Of a large batch a few units, the first and the last among them. */
export function referenceOf({ network, parameters }: AscendContext, step: StepCase): Reference {
  const { place } = step.tap;
  const spectra = startsOf(step);
  const layout = layoutOf(network, cases.size, [{ place, region: 'centre' }]);
  const shape = [1, 3, cases.size, spectrumColumnCount(cases.size), 2];
  const every = Math.ceil((spectra.length - 1) / (cases.starts - 1));
  const results = spectra.map((spectrum, n) => {
    if (n % every !== 0 && n !== spectra.length - 1) return undefined;
    const data = Float64Array.from(spectrum);
    return referenceStep(parameters.weights, layout, place, step.channels[n % step.batch], { shape, data });
  });
  const values = results.map((result) => result?.value);
  const known = values.filter((value) => value !== undefined);
  return {
    against: 'float64 loops',
    spectra,
    values,
    gradients: results.map((result) => result?.gradient.data),
    scale: Math.sqrt(known.reduce((sum, v) => sum + v * v, 0) / known.length),
  };
}

/** Compares the engine's first step with the reference. */
export async function validate(
  context: AscendContext,
  step: StepCase,
  { against, spectra, values, gradients, scale }: Reference,
): Promise<Validation> {
  const objective: number[] = [];
  const gradient: number[] = [];
  const still = { jitter: 0, scales: [1], angles: [0] };
  for (let first = 0; first < spectra.length; first += step.batch) {
    const targets = targetsOf(step).map((target, n) => ({ ...target, spectrum: spectra[first + n] }));
    const settings = { ...settingsOf(step), steps: 1, transforms: still };
    const results = await ascendTogether(context, step.tap.place, targets, settings);
    results.forEach((result, n) => {
      const [value, expected] = [values[first + n], gradients[first + n]];
      if (value === undefined || !expected) return;
      // after one step the first moment is (1 - beta1) times the gradient
      const found = result.firstMoment.map((m) => m / (1 - ADAM.beta1));
      objective.push(Math.abs(result.objective[0] - value) / scale);
      gradient.push(relativeL2(found, expected));
    });
  }
  const valid = within(objective, BOUNDS.objective) && within(gradient, BOUNDS.gradient);
  return { valid, against, objective: spread(objective), gradient: spread(gradient) };
}

const within = (errors: readonly number[], bound: number): boolean =>
  median(errors) <= bound && errors.every((error) => error <= FLIP * bound);

const spread = (errors: readonly number[]) => ({ median: median(errors), max: Math.max(...errors) });
