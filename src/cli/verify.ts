// streamscope verify: a table of this device's results against PyTorch's, one row per tap, gradient and trajectory.

import { join } from 'node:path';
import * as v from 'valibot';
import { float16Asked } from '#gpu';
import { type Golden, type Goldens, passes, type Row, verify as verifyRows } from '../analysis/verify.ts';
import { StreamscopeError } from '../error.ts';
import { parseNpy } from '../model/npy.ts';
import { tapsOf } from '../model/taps.ts';
import { readBytes } from './files.ts';
import type { HostOptions } from './host.ts';
import { verifyInChrome } from './inChrome.ts';
import { type OpenWeights, openWeights, serves, withGpu } from './model.ts';
import { goldensFolder } from './weights.ts';

export interface VerifyOptions extends HostOptions {
  weights: string;
  goldens?: string;
  json?: boolean;
}

const manifestSchema = v.record(v.string(), v.looseObject({ shape: v.optional(v.array(v.number()), []) }));

/** Opens a folder with manifest.json and one .npy per entry. */
async function openGoldens(folder: string): Promise<Goldens> {
  const path = join(folder, 'manifest.json');
  const text = new TextDecoder().decode(await readBytes(path));
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new StreamscopeError('badInput', `${path} is not JSON.`);
  }
  const result = v.safeParse(manifestSchema, parsed);
  if (!result.success) throw new StreamscopeError('badInput', `${path}: ${result.issues[0].message}.`);
  const manifest = result.output as Record<string, Golden>;
  return {
    manifest,
    async load(name) {
      if (!(name in manifest)) throw new StreamscopeError('badInput', `${path} has no entry ${name}.`);
      const file = join(folder, `${name}.npy`);
      const array = parseNpy(await readBytes(file));
      if (array.shape.join() !== manifest[name].shape.join()) {
        throw new StreamscopeError(
          'badInput',
          `${file} is [${array.shape}], the manifest says [${manifest[name].shape}].`,
        );
      }
      return array;
    },
  };
}

/** Throws (70) when any row is above its bound. */
export async function verify(options: VerifyOptions, signal: AbortSignal): Promise<void> {
  const { weights: path, goldens: folder = goldensFolder, json, host } = options;
  const opened = await openWeights(path);
  const { network } = opened;
  const rows: Row[] = [];
  const onRow = (row: Row) => {
    rows.push(row);
    if (!json) console.log(formatRow(row));
  };
  const begin = (where: string) => {
    if (!json) console.log(`${network.name} from ${path} ${where}, against ${folder}`);
  };
  const inChrome = () => {
    begin('in Chrome');
    return verifyInChrome({ ...options, goldens: folder }, onRow, signal);
  };
  const adapter = await (host === 'chrome' ? inChrome() : verifyInNode(opened, folder, begin, onRow));
  const failed = rows.filter((row) => !passes(row));
  const checked = new Set(rows.map(({ place }) => place));
  const unchecked = tapsOf(network).filter(({ place }) => !checked.has(place));
  const names = (served: boolean) =>
    unchecked.filter(({ place }) => serves(opened, place) === served).map(({ name }) => name);
  const [unserved, uncovered] = [names(false), names(true)];
  if (json) {
    // JSON has no NaN: an error that is not a number is null, and fails
    console.log(
      JSON.stringify({
        adapter,
        network: network.name,
        rows: rows.map((row) => ({ ...row, passed: passes(row) })),
        failed: failed.length,
        unserved,
        uncovered,
      }),
    );
  } else {
    if (unserved.length > 0)
      console.log(`Not checked, because ${path} lacks their tensors: ${unserved.join(' ')}`);
    if (uncovered.length > 0)
      console.log(`Not checked, because the goldens do not have them: ${uncovered.join(' ')}`);
    console.log(`${rows.length - failed.length} of ${rows.length} within bounds`);
  }
  if (failed.length > 0) {
    const names = failed
      .slice(0, 3)
      .map(({ name }) => name)
      .join('; ');
    throw new StreamscopeError(
      'bug',
      `${failed.length} of ${rows.length} results differ from PyTorch's by more than their bounds: ${names}.`,
      float16Asked()
        ? 'STREAMSCOPE_FLOAT16 is 1, and the bounds are those of float32. What is off is what float16 costs.'
        : 'The goldens are of torchvision’s IMAGENET1K_V1 weights: other weights differ. Else please report this with `streamscope doctor`.',
    );
  }
}

async function verifyInNode(
  opened: OpenWeights,
  folder: string,
  begin: (where: string) => void,
  onRow: (row: Row) => void,
): Promise<string> {
  const { weights, network } = opened;
  const goldens = await openGoldens(folder);
  return withGpu({ network, weights }, async (gpu, parameters) => {
    begin(`on ${gpu.adapter}`);
    const context = { gpu, network, parameters, goldens, serves: (place: string) => serves(opened, place) };
    for await (const row of verifyRows(context)) onRow(row);
    return gpu.adapter;
  });
}

const formatRow = (row: Row): string =>
  `${passes(row) ? 'ok  ' : 'FAIL'} ${row.group.padEnd(10)} ${row.name.padEnd(44)} ${row.error.toExponential(2)}  bound ${row.bound.toExponential(1)}  ${row.measure}`;
