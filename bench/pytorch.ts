// The other side of the comparison of steps: bench/pytorch/step.py as a child (child.ts).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deal } from '../src/engine/team.ts';
import { spectrumColumnCount } from '../src/kernels/imageReference.ts';
import { parseNpy, writeNpy } from '../src/model/npy.ts';
import { Child } from './child.ts';
import type { Variant } from './stepBench.ts';
import { cases, type StepCase } from './stepCase.ts';
import { type Reference, startsOf, type Validation } from './validation.ts';

export const PYTHON_HINT = 'Give a Python that has PyTorch 1.13 or newer: --python /usr/bin/python3.';

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
  readonly #child: Child;
  readonly #folder = mkdtempSync(join(tmpdir(), 'streamscope-bench-'));

  constructor(
    readonly python: string,
    readonly script: string,
    readonly weights: string,
    readonly device?: string,
    core?: number,
  ) {
    const args = [
      ...[script, '--serve', '--weights', weights],
      ...(device ? ['--device', device] : []),
      ...(core === undefined ? [] : ['--core', `${core}`]),
    ];
    this.#child = new Child('PyTorch', python, args, PYTHON_HINT);
  }

  describe(): Promise<PyTorchInfo> {
    return this.#child.ask({ do: 'describe' });
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
    const answer = await this.#child.ask<{ values: number[]; scale: number }>({
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
    return this.#child.ask({ do: 'validate', variant });
  }

  time(variant: Variant, seconds: number): Promise<PyTorchTimes> {
    return this.#child.ask({ do: 'time', variant, seconds });
  }

  close(): void {
    this.#child.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One process for each core, bound to it, which share a batch as our devices do. */
export class PyTorchApart {
  readonly #processes: PyTorch[];

  constructor({ python, script, weights, device }: PyTorch, cores: number) {
    const start = (_: unknown, core: number) => new PyTorch(python, script, weights, device, core);
    this.#processes = Array.from({ length: cores }, start);
  }

  get processes(): number {
    return this.#processes.length;
  }

  /** What follows is about this case, of which every process has a share. */
  async prepare(step: StepCase): Promise<void> {
    const shares = deal(step.channels, this.processes);
    await this.#all((process, i) =>
      process.reference({ ...step, channels: shares[i], batch: shares[i].length }),
    );
  }

  /** Whether a variant computes the same in all of them. */
  async validate(variant: Variant): Promise<boolean> {
    const all = await this.#all((process) => process.validate(variant));
    return all.every(({ valid }) => valid);
  }

  /** ms per image and step of all processes together, from what each took meanwhile. */
  async time(variant: Variant, seconds: number): Promise<number[]> {
    const all = await this.#all((process) => process.time(variant, seconds));
    const length = Math.min(...all.map(({ samples }) => samples.length));
    return Array.from({ length }, (_, i) => 1 / all.reduce((rate, { samples }) => rate + 1 / samples[i], 0));
  }

  #all<T>(work: (process: PyTorch, i: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#processes.map(work));
  }

  close(): void {
    for (const process of this.#processes) process.close();
  }
}
