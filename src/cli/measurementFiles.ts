// Measurements in a run folder: RUN/measurements/<block>/block.json and one .npy per array beside it. NumPy and R read
// the arrays without us; `analyze` needs nothing else of a run.
//
// block.json is written last and names the SHA-256 of every array, so measurements are complete or absent, and an
// edited or torn file is refused by name. The same measurements give the same bytes.

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  type BlockMeasurements,
  type Invariance,
  type InvarianceResponses,
  ROLES,
  type Role,
  type SeedMeasurements,
  type StimulusMeasurements,
} from '../analysis/measurements.ts';
import { StreamscopeError } from '../error.ts';
import { parseNpy, writeNpy } from '../model/npy.ts';
import { fileError } from './failure.ts';
import { readBytes, readIfPresent, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';

/** Where measurements come from: shown in the report, never computed with. */
export interface Provenance {
  /** as typed: 'streamscope reproduce --weights W ...' */
  command?: string;
  /** everything the bytes depend on: steps, jitter, seeds, weights and image folder with their hashes, ... */
  settings: Record<string, unknown>;
  adapter?: string;
}

export interface StoredMeasurements {
  measurements: BlockMeasurements;
  provenance: Provenance;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const stimulusEntries = {
  imagesPerChannel: count,
  invariance: v.array(v.picklist(['scale', 'flip'])),
};
const blockSchema = v.object({
  format: v.literal('streamscope measurements 1'),
  block: v.string(),
  channels: count,
  tuningScales: v.array(v.number()),
  seeds: v.pipe(v.array(v.object({ seed: v.number(), ...stimulusEntries })), v.minLength(1)),
  natural: v.optional(v.object({ images: count, ...stimulusEntries })),
  provenance: v.object({
    command: v.optional(v.string()),
    settings: v.record(v.string(), v.unknown()),
    adapter: v.optional(v.string()),
  }),
  /** SHA-256 of each array, by file name without .npy */
  arrays: v.record(v.pipe(v.string(), v.regex(/^\w[\w.]*$/)), v.string()),
});
type BlockFile = v.InferOutput<typeof blockSchema>;

type FloatArray = Float64Array | Float32Array;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const folderOf = (run: string, block: string): string => join(run, 'measurements', block);

/** Writes one block; replaces what was there. Returns the paths of its files below the run folder. Throws io. */
export async function writeMeasurements(
  run: string,
  measurements: BlockMeasurements,
  provenance: Provenance = { settings: {} },
): Promise<string[]> {
  const folder = folderOf(run, measurements.block);
  const arrays: Record<string, string> = {};
  for (const [name, shape, data] of arraysOf(measurements)) {
    const bytes = writeNpy(shape, data);
    arrays[name] = sha256(bytes);
    await writeAtomically(join(folder, `${name}.npy`), bytes);
  }
  const { block, channels, tuningScales, seeds, natural } = measurements;
  const facts = ({ imagesPerChannel, invariance }: StimulusMeasurements) => ({
    imagesPerChannel,
    invariance: Object.keys(invariance) as Invariance[],
  });
  const file: BlockFile = {
    format: 'streamscope measurements 1',
    block,
    channels,
    tuningScales: [...tuningScales],
    seeds: seeds.map((seed) => ({ seed: seed.seed, ...facts(seed) })),
    natural: natural && { images: natural.images, ...facts(natural) },
    provenance,
    arrays,
  };
  await writeAtomically(join(folder, 'block.json'), `${JSON.stringify(file, null, 2)}\n`);
  const names = [...Object.keys(arrays).map((name) => `${name}.npy`), 'block.json'];
  return names.map((name) => join('measurements', block, name));
}

type Named = [name: string, shape: number[], data: FloatArray];

function* arraysOf(block: BlockMeasurements): Generator<Named> {
  const { channels, tuningScales, natural } = block;
  yield ['weight.batchNorm', [channels], block.weightMagnitude.batchNorm];
  yield ['weight.convolution', [channels], block.weightMagnitude.convolution];
  for (const seed of block.seeds) {
    yield* stimulusArrays(`seed${seed.seed}`, channels, seed);
    if (seed.tuning) yield [`seed${seed.seed}.tuning`, [channels, tuningScales.length], seed.tuning];
  }
  if (!natural) return;
  yield* stimulusArrays('natural', channels, natural);
  for (const role of ROLES)
    yield [`natural.activations.${role}`, [natural.images, channels], natural.activations[role]];
}

function* stimulusArrays(name: string, channels: number, stimulus: StimulusMeasurements): Generator<Named> {
  const shape = [channels, stimulus.imagesPerChannel];
  for (const tap of ROLES)
    for (const image of ROLES) {
      const data = stimulus.responses[tap][image];
      if (data) yield [`${name}.responses.${tap}.${image}`, shape, data];
    }
  for (const [kind, pair] of Object.entries(stimulus.invariance)) {
    yield [`${name}.${kind}.blockOnInput`, shape, pair.blockOnInput];
    yield [`${name}.${kind}.inputOnBlock`, shape, pair.inputOnBlock];
  }
}

/** All blocks of a run, in the order of their names. Throws badInput for files that are not as they were written. */
export async function readMeasurements(run: string): Promise<StoredMeasurements[]> {
  const parent = join(run, 'measurements');
  const blocks: StoredMeasurements[] = [];
  for (const name of await foldersIn(parent)) {
    const bytes = await readIfPresent(join(parent, name, 'block.json'));
    if (bytes) blocks.push(await readBlock(run, name, bytes));
  }
  if (blocks.length > 0) return blocks;
  throw new StreamscopeError(
    'badInput',
    `${run} holds no measurements: expected ${join(parent, '<block>', 'block.json')}.`,
    'They are written by streamscope reproduce, as soon as a block is measured.',
  );
}

async function foldersIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError('read', path, error);
  }
}

async function readBlock(run: string, name: string, bytes: Uint8Array): Promise<StoredMeasurements> {
  const file = parseBlockFile(join(folderOf(run, name), 'block.json'), bytes);
  if (file.block !== name)
    throw damaged(join(folderOf(run, name), 'block.json'), `it is about block ${file.block}`);
  for (const { seed } of file.seeds)
    if (!Object.keys(file.arrays).some((array) => array.startsWith(`seed${seed}.responses.`)))
      throw damaged(join(folderOf(run, name), 'block.json'), `it names no responses of seed ${seed}`);
  const arrays = new Map<string, FloatArray>();
  const shapes = new Map<string, string>();
  for (const [array, hash] of Object.entries(file.arrays)) {
    const path = join(folderOf(run, name), `${array}.npy`);
    const content = await readBytes(path);
    if (sha256(content) !== hash) throw damaged(path, 'it is not what block.json names');
    const { shape, data } = parseNpy(content);
    if (!(data instanceof Float64Array || data instanceof Float32Array))
      throw damaged(path, 'expected numbers in floating point');
    arrays.set(array, data);
    shapes.set(array, shape.join());
  }
  const take = (array: string, shape: number[]): FloatArray => {
    const data = arrays.get(array);
    const path = join(folderOf(run, name), `${array}.npy`);
    if (!data) throw damaged(path, 'block.json does not name it');
    if (shapes.get(array) !== shape.join())
      throw damaged(path, `its shape is [${shapes.get(array)}], expected [${shape}]`);
    return data;
  };
  return { measurements: assemble(file, arrays, take), provenance: file.provenance };
}

/** What block.json says. Throws badInput. */
export function parseBlockFile(path: string, bytes: Uint8Array): BlockFile {
  let json: unknown;
  try {
    json = parseJson(bytes);
  } catch {
    throw damaged(path, 'it is not JSON');
  }
  const result = v.safeParse(blockSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw damaged(path, `${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
}

const damaged = (path: string, what: string): StreamscopeError =>
  new StreamscopeError('badInput', `${path}: ${what}.`, 'Measure the block again.');

type Take = (name: string, shape: number[]) => FloatArray;
type Facts = Omit<BlockFile['seeds'][number], 'seed'>;

function assemble(file: BlockFile, named: ReadonlyMap<string, FloatArray>, take: Take): BlockMeasurements {
  const { block, channels, tuningScales, natural } = file;
  const float64 = (name: string, shape: number[]) => Float64Array.from(take(name, shape));
  const stimulus = (name: string, facts: Facts) => assembleStimulus(name, channels, facts, named, float64);
  return {
    block,
    channels,
    weightMagnitude: {
      batchNorm: float64('weight.batchNorm', [channels]),
      convolution: float64('weight.convolution', [channels]),
    },
    tuningScales,
    seeds: file.seeds.map((facts): SeedMeasurements => {
      const name = `seed${facts.seed}`;
      const tuned = named.has(`${name}.tuning`);
      return {
        seed: facts.seed,
        ...stimulus(name, facts),
        ...(tuned && { tuning: float64(`${name}.tuning`, [channels, tuningScales.length]) }),
      };
    }),
    ...(natural && {
      natural: {
        images: natural.images,
        ...stimulus('natural', natural),
        activations: byRole((role) =>
          Float32Array.from(take(`natural.activations.${role}`, [natural.images, channels])),
        ),
      },
    }),
  };
}

const byRole = <T>(of: (role: Role) => T): Record<Role, T> => ({ I: of('I'), B: of('B'), O: of('O') });

function assembleStimulus(
  name: string,
  channels: number,
  { imagesPerChannel, invariance }: Facts,
  named: ReadonlyMap<string, FloatArray>,
  float64: (name: string, shape: number[]) => Float64Array,
): StimulusMeasurements {
  const shape = [channels, imagesPerChannel];
  const responses = byRole((tap) => {
    const measured = ROLES.filter((image) => named.has(`${name}.responses.${tap}.${image}`));
    return Object.fromEntries(
      measured.map((image) => [image, float64(`${name}.responses.${tap}.${image}`, shape)]),
    );
  });
  const pairs = invariance.map((kind): [Invariance, InvarianceResponses] => [
    kind,
    {
      blockOnInput: float64(`${name}.${kind}.blockOnInput`, shape),
      inputOnBlock: float64(`${name}.${kind}.inputOnBlock`, shape),
    },
  ]);
  return { imagesPerChannel, responses, invariance: Object.fromEntries(pairs) };
}
