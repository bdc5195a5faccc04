// A plan as a file: what `plan` printed, or RUN/plan.json. It says which images a run consists of, so whoever reads it
// may come without the weights (status, merge). A plan is data from elsewhere: names lead to paths only through the
// table of taps, and whoever computes from one makes it anew from its request first and compares.

import * as v from 'valibot';
import {
  imageOfId,
  type PlanDocument,
  type PlanRequest,
  planDocument,
  runSettings,
  settingsHash,
} from '../analysis/plan.ts';
import { StreamscopeError } from '../error.ts';
import { makeNetwork, type Network } from '../model/network.ts';
import { type CampaignSettings, type ImageTask, SEED_STRIDE } from '../visualization/campaign.ts';
import { JITTER_MODES } from '../visualization/jitter.ts';
import { readBytes } from './files.ts';
import { parseJson } from './jsonFiles.ts';
import type { OpenWeights } from './model.ts';
import { settingsDifference } from './runFolder.ts';

const MOST_BYTES = 64 * 2 ** 20; // two million images

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
const planSchema = v.strictObject({
  settingsHash: v.string(),
  settings: v.strictObject({
    network: v.picklist(['resnet18', 'resnet34']),
    weightsSha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    steps: whole(1),
    learningRate: v.pipe(v.number(), v.finite(), v.gtValue(0)),
    size: whole(64, 16_384),
    seed: whole(0),
    retries: whole(0, SEED_STRIDE - 1),
    jitter: v.union([whole(0, 4096), v.literal('study')]),
    jitterMode: v.picklist(JITTER_MODES),
    scales: v.array(v.number()),
    angles: v.array(v.number()),
  }),
  blocks: v.array(v.string()),
  seeds: whole(1),
  display: v.record(v.string(), v.array(whole(0))),
  images: v.array(v.string()),
});

export interface Plan {
  path: string;
  document: PlanDocument;
  /** in the order of the document */
  tasks: ImageTask[];
  network: Network;
}

/**
 * The plan in a file.
 * @param network whose channels there are; without, those of the network with its usual width.
 * @throws badInput for anything but a plan whose images are all there and its settings' hash is right; io.
 */
export async function readPlan(path: string, network?: Network): Promise<Plan> {
  return parsePlan(await readBytes(path), path, network);
}

/** The plan in the bytes of a file called `path`; the rest as readPlan. */
export async function parsePlan(bytes: Uint8Array, path: string, network?: Network): Promise<Plan> {
  try {
    if (bytes.length > MOST_BYTES) throw bad(`it has ${bytes.length} bytes, the limit is ${MOST_BYTES}`);
    const document = parseDocument(bytes);
    if ((await settingsHash(document.settings)) !== document.settingsHash)
      throw bad('settingsHash is not the hash of its settings');
    const itsNetwork = network ?? makeNetwork(document.settings.network);
    return { path, document, tasks: tasksIn(document, itsNetwork), network: itsNetwork };
  } catch (error) {
    if (!(error instanceof StreamscopeError)) throw error;
    const hint = error.hint ?? 'Make it anew: streamscope plan --weights W ... > plan.json.';
    throw new StreamscopeError(error.exitClass, `${path} is no plan: ${error.message}.`, hint);
  }
}

const bad = (reason: string): StreamscopeError => new StreamscopeError('badInput', reason);

function parseDocument(bytes: Uint8Array): PlanDocument {
  const result = v.safeParse(planSchema, parseJson(bytes), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw bad(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
}

function tasksIn({ images }: PlanDocument, network: Network): ImageTask[] {
  if (images.length === 0) throw bad('it holds no images');
  if (new Set(images).size !== images.length) throw bad('an image comes twice');
  return images.map((id) => {
    const task = imageOfId(network, id);
    if (!task) throw bad(`${JSON.stringify(id.slice(0, 80))} is no image of ${network.name}`);
    return task;
  });
}

/** The settings of a plan as the campaign takes them. */
export const campaignSettings = ({ settings }: PlanDocument): Omit<CampaignSettings, 'batch'> => ({
  ...settings,
  jitter: settings.jitter === 'study' ? undefined : settings.jitter,
});

/**
 * Makes sure that the plan is the one that these weights and its own request give, byte for byte.
 * Throws usage for other weights, badInput for a plan that was edited or made by another version.
 */
export async function requirePlanOf(
  { network, sha256, path }: OpenWeights,
  { document, path: planPath }: Plan,
): Promise<void> {
  const { settings, seeds, images } = document;
  const expected = runSettings(network, sha256, campaignSettings(document));
  const difference = settingsDifference(settings, expected);
  if (difference) {
    const hint = 'Give the weights that the plan was made with, or make a plan with these.';
    throw new StreamscopeError('usage', `${planPath} is not a plan for ${path}: ${difference}.`, hint);
  }
  const blocks = network.blocks.filter(({ name }) => document.blocks.includes(name));
  const least = seeds * blocks.reduce((sum, { channels }) => sum + channels, 0);
  const request: PlanRequest = { blocks, seeds, display: new Map(Object.entries(document.display)) };
  // the count first: a request for a billion seeds is not tried out
  const shown = Object.keys(document.display).every((name) => document.blocks.includes(name));
  const again = shown && least <= images.length && (await planDocument(network, settings, request));
  if (again && JSON.stringify(again) === JSON.stringify(document)) return;
  throw new StreamscopeError(
    'badInput',
    `${planPath} is not what plan makes of its own blocks, seeds and display.`,
    'It was edited, or made by another version. Make it anew: streamscope plan --weights W ... > plan.json.',
  );
}
