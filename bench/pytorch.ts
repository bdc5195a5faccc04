// The other side of the comparison: bench/pytorch/step.py as a child that answers one JSON request per line. It stays
// alive for the whole run, so that neither its start nor its compilations are timed; while it works, this side sleeps.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '#gpu';
import { StreamscopeError } from '../src/error.ts';
import { spectrumColumnCount } from '../src/kernels/imageReference.ts';
import { parseNpy, writeNpy } from '../src/model/npy.ts';
import { cases, type StepCase } from './stepCase.ts';
import { type Reference, startsOf, type Validation } from './validation.ts';

export const VARIANTS = ['study', 'tuned', 'cropped'] as const;
export type Variant = (typeof VARIANTS)[number];

export interface PyTorchInfo {
  torch: string;
  python: string;
  device: string;
  cuda: string | null;
  threads: number;
  wholeNetworkUpTo: string;
}

export interface PyTorchTimes {
  samples: number[];
  batch: number;
  mode: string;
}

export class PyTorch {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'streamscope-bench-'));

  constructor(python: string, script: string, weights: string, device?: string) {
    const args = [script, '--serve', '--weights', weights, ...(device ? ['--device', device] : [])];
    this.#child = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.on('error', () => {}); // seen as the end of its output
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async #ask<Answer>(request: Record<string, unknown>): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await waitFor(this.#lines.next());
    if (done) {
      const hint = 'Give a Python that has PyTorch 1.13 or newer: --python /usr/bin/python3.';
      throw new StreamscopeError('unavailable', 'The PyTorch side ended without an answer.', hint);
    }
    const answer = JSON.parse(value) as Answer & { error?: string };
    if (answer.error) throw new StreamscopeError('bug', `The PyTorch side failed: ${answer.error}.`);
    return answer;
  }

  describe(): Promise<PyTorchInfo> {
    return this.#ask({ do: 'describe' });
  }

  /** Float64 objectives and gradients for the starts of a case. What follows is about this case. */
  async reference(step: StepCase): Promise<Reference> {
    const spectra = startsOf(step);
    const [input, output] = ['spectra.npy', 'gradient.npy'].map((name) => join(this.#folder, name));
    const shape = [spectra.length, 3, cases.size, spectrumColumnCount(cases.size), 2];
    const all = new Float32Array(spectra.length * spectra[0].length);
    spectra.forEach((spectrum, n) => {
      all.set(spectrum, n * spectrum.length);
    });
    writeFileSync(input, writeNpy(shape, all));
    const request = { do: 'reference', tap: step.tap.name, batch: step.batch };
    const answer = await this.#ask<{ values: number[]; scale: number }>({
      ...request,
      spectra: input,
      gradient: output,
    });
    const { data } = parseNpy(new Uint8Array(readFileSync(output)));
    const gradients = spectra.map((spectrum, n) =>
      data.subarray(n * spectrum.length, (n + 1) * spectrum.length),
    );
    return { against: 'PyTorch, float64', spectra, gradients, ...answer };
  }

  /** Whether a variant computes the same; `unavailable` says why it cannot be had. */
  validate(variant: Variant): Promise<Validation & { unavailable?: string }> {
    return this.#ask({ do: 'validate', variant });
  }

  time(variant: Variant, seconds: number): Promise<PyTorchTimes> {
    return this.#ask({ do: 'time', variant, seconds });
  }

  close(): void {
    this.#child.stdin!.end();
    this.#child.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
