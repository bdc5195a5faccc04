// streamscope weights list | fetch | inspect | pack.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifestJson from '../../weights/manifest.json';
import { StreamscopeError } from '../error.ts';
import { closest } from '../model/closest.ts';
import { parseManifest } from '../model/manifest.ts';
import { networkOf } from '../model/network.ts';
import { parseSafetensors, writeSafetensors } from '../model/safetensors.ts';
import { tapsOf } from '../model/taps.ts';
import { writeAtomically } from './files.ts';
import { openTensors, serves } from './model.ts';
import { fetchWeights } from './weightsFetch.ts';

const entries = parseManifest(manifestJson);

/** The folder of downloaded weights: `weights` beside the bundle. */
export const weightsFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'weights');

/** PyTorch's outputs that `verify` compares with unless told otherwise. */
export const goldensFolder = join(weightsFolder, 'goldens');

/** A narrow ResNet18 that this program trained: weights/shapes16.md. */
export const EMBEDDED = join(weightsFolder, 'shapes16.safetensors');

export function listWeights({ json }: { json?: boolean }): void {
  if (json) console.log(JSON.stringify({ folder: weightsFolder, weights: entries }));
  else {
    for (const { name, title, approximateBytes, licence, file } of entries) {
      const state = existsSync(join(weightsFolder, file))
        ? 'downloaded'
        : `${(approximateBytes / 1e6).toFixed(0)} MB to download`;
      console.log(`${name.padEnd(10)} ${title} (${state})\n           ${licence}`);
    }
  }
}

export async function fetchNamed(name: string, { out }: { out?: string }): Promise<void> {
  const entry = entries.find((candidate) => candidate.name === name);
  if (!entry)
    throw new StreamscopeError(
      'usage',
      `There are no weights called ${name}.`,
      closest(
        name,
        entries.map((e) => e.name),
      ),
    );
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  let lastLine = 0;
  const onProgress = (done: number, total: number | undefined) => {
    const line = `${name}: ${megabytes(done)}${total ? ` of ${megabytes(total)}` : ''}`;
    if (process.stderr.isTTY) process.stderr.write(`\r${line} `);
    else if (performance.now() - lastLine > 5000) {
      lastLine = performance.now();
      console.error(line);
    }
  };
  const { path, bytes, sha256, status } = await fetchWeights({
    ...entry,
    directory: out ?? weightsFolder,
    onProgress,
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.error(
    `${name}: ${status === 'present' ? 'already here' : 'downloaded'}, ${bytes} bytes, SHA-256 ${sha256}`,
  );
  console.log(path);
}

export async function inspectWeights(path: string, { json }: { json?: boolean }): Promise<void> {
  const tensors = await openTensors(path);
  const opened = { ...tensors, network: networkOf(tensors.weights, path) };
  const { network, weights, sha256 } = opened;
  const values = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  const served = tapsOf(network).filter(({ place }) => serves(opened, place));
  const facts = {
    path,
    sha256,
    network: network.name,
    width: network.width,
    classes: network.classes,
    tensors: weights.size,
    values,
    serves: served.map(({ name }) => name),
    classifies: serves(opened, 'logits'),
  };
  if (json) {
    console.log(
      JSON.stringify({
        ...facts,
        shapes: Object.fromEntries([...weights].map(([name, { shape }]) => [name, shape])),
      }),
    );
    return;
  }
  console.log(
    `${path}: ${network.name}, ${network.width} channels after the stem, ${network.classes} classes`,
  );
  console.log(`${weights.size} tensors, ${values} values, SHA-256 ${sha256}`);
  const missing = tapsOf(network).filter(({ place }) => !serves(opened, place));
  console.log(
    missing.length === 0
      ? 'Serves every tap.'
      : `Serves ${served.map(({ name }) => name).join(' ') || 'no tap'}.`,
  );
  if (missing.length > 0) console.log(`Lacks tensors for ${missing.map(({ name }) => name).join(' ')}.`);
  console.log(facts.classifies ? 'Classifies images.' : 'Cannot classify images: the network is not whole.');
}

/** Stores the float tensors of a file as float16 .safetensors and says how far that moves them. */
export async function packWeights(path: string, { out }: { out: string }): Promise<void> {
  const { weights } = await openTensors(path);
  const bytes = writeSafetensors(weights, {}, { dtype: 'F16' });
  const packed = parseSafetensors(bytes);
  let [worst, where] = [0, ''];
  for (const [name, { data }] of weights) {
    const scale = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    const moved = data.map((value, i) => value - packed.get(name)!.data[i]);
    const error = moved.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / (scale || 1);
    if (error > worst) [worst, where] = [error, name];
  }
  await writeAtomically(out, bytes);
  console.error(
    `${weights.size} tensors, ${bytes.length} bytes; none moves by more than ${worst.toExponential(1)} of its rms (${where || 'none moves'})`,
  );
  console.log(out);
}
