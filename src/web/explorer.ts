// The explorer page: opens files, keeps the panels up to date, and follows the address. The worker does the computing.

import type { Role } from '../analysis/measurements.ts';
import { StreamscopeError } from '../error.ts';
import { weightsHash } from '../model/weights.ts';
import { AscentPanel, type Finished } from './ascentPanel.ts';
import { Client } from './client.ts';
import { byId } from './elements.ts';
import { attempt, dismissError, showError } from './errors.ts';
import { KeptPanel } from './keptPanel.ts';
import { formatLink, type Place, parseLink } from './link.ts';
import { clearPhotograph, showPhotograph, showShape } from './photographPanel.ts';
import type { AscentRequest, Result } from './protocol.ts';
import { ResponsesPanel } from './responsesPanel.ts';
import { Run } from './run.ts';
import { chosenRun, embeddedNetwork, type RunFiles, servedRun } from './runFiles.ts';
import { RunPanel } from './runPanel.ts';
import { SpectrumPanel } from './spectrumPanel.ts';
import { blocksOf, channelsOf, isServed, type State } from './state.ts';

const FIRST: Place = { block: '1.1', channel: 19 };
const DROP = byId('status').textContent;

const state: State = {
  place: { ...FIRST, ...parseLink(location.hash) },
  isEmbedded: false,
  magnitudes: new Map(),
};
/** whether anyone has begun to open a file: then the network that lies beside the page comes too late */
let hasChosen = false;
const client = new Client(new Worker(new URL('worker.js', import.meta.url), { type: 'module' }));
const spectrum = new SpectrumPanel(state, select);
const ascent = new AscentPanel(state, client);
const responses = new ResponsesPanel();
const runPanel = new RunPanel();
const keptPanel = new KeptPanel();

/** Chooses a channel: the address says which, and everything follows the address. */
function select(place: Place): void {
  const link = formatLink(place);
  if (location.hash === link) void attempt(follow);
  else location.hash = link;
}

/**
 * Takes the place from the address. Tells of a block or a channel that there is none of if the address asks for it; the
 * page's own first place gives way in silence.
 */
async function follow(): Promise<void> {
  const asked = parseLink(location.hash);
  const place = { ...state.place, ...asked };
  const blocks = blocksOf(state);
  if (blocks.length > 0) {
    if (!blocks.includes(place.block)) {
      const wanted = place.block;
      place.block = blocks.includes(FIRST.block) ? FIRST.block : blocks[0];
      if (asked.block)
        tell(
          `Block ${wanted} is not there.`,
          `These weights and this run have ${blocks.join(', ')}; showing ${place.block}.`,
        );
    }
    const channels = channelsOf(state, place.block)!;
    if (place.channel >= channels) {
      if (asked.channel !== undefined)
        tell(
          `Block ${place.block} has no channel ${place.channel}.`,
          `It has channels 0 to ${channels - 1}; showing the last.`,
        );
      place.channel = asked.channel === undefined ? 0 : channels - 1;
    }
  }
  state.place = place;
  if (location.hash !== formatLink(place)) history.replaceState(null, '', formatLink(place));
  await update();
}

const tell = (sentence: string, hint: string): void =>
  showError(new StreamscopeError('usage', sentence, hint));

/** Brings every panel up to date with the state. */
async function update(): Promise<void> {
  const { place, weights, run, magnitudes } = state;
  byId<HTMLButtonElement>('draw-shape').disabled = !weights;
  if (weights && isServed(weights.taps, place.block) && !magnitudes.has(place.block))
    magnitudes.set(place.block, await client.ask<'magnitudes'>({ kind: 'magnitudes', block: place.block }));
  spectrum.update();
  ascent.update();
  await showKept(place);
  await showRunResponses(place);
  await runPanel.update(run, place);
}

/**
 * The images of the channel that this browser keeps, until an ascent on this page makes others. After a reload they may
 * be of weights that have to be chosen again: those are better than nothing.
 */
async function showKept(place: Place): Promise<void> {
  const { weights, isEmbedded } = state;
  let kept = await keptPanel.find(place, weights?.sha256);
  if (isEmbedded && Object.keys(kept).length === 0) kept = await keptPanel.find(place);
  if (isShown(place)) await ascent.show(place, kept);
}

const isShown = ({ block, channel }: Place): boolean =>
  state.place.block === block && state.place.channel === channel;

/** The run's responses of the channel, until an ascent on this page brings its own. */
async function showRunResponses(place: Place): Promise<void> {
  const block = state.run?.block(place.block);
  if (!state.run || !block) {
    responses.clear('They are measured when an ascent on this page is finished, or come from a run folder.');
    return;
  }
  const nine = await state.run.responses(block, place.channel);
  if (!isShown(place)) return;
  responses.show(nine, `Of ${state.run.files.name}, first seed.`);
  const curve = block.seeds[0].tuning?.[place.channel]?.curve;
  responses.tune(curve ? { scales: block.tuningScales, answers: curve } : undefined, undefined);
}

/** Keeps finished images, measures them as `analyze` would, and shows what it found. */
async function finish(place: Place, settings: AscentRequest, images: Finished): Promise<void> {
  await attempt(() => keptPanel.keep(place, settings, images, state.weights!));
  const { block, channel } = place;
  const { size } = settings;
  const usable = images.filter(({ status }) => status === 'ok');
  const pixels = Object.fromEntries(usable.map(({ role, pixels }) => [role, pixels])) as Partial<
    Record<Role, Uint8Array>
  >;
  if (usable.length === 0) return;
  const measured = await client.ask<'respond'>({ kind: 'respond', block, channel, size, images: pixels });
  if (!isShown(place)) return;
  responses.show(measured.responses, 'Of the images on this page.');
  responses.tune(measured.tuning, pixels.O && { pixels: pixels.O, size });
}

async function openWeights(file: File): Promise<void> {
  hasChosen = true;
  byId('status').textContent = `Reading ${file.name}`;
  try {
    const bytes = await file.arrayBuffer();
    const weights = await client.ask<'open'>({ kind: 'open', name: file.name, bytes }, [bytes]);
    await setWeights(weights, false);
    byId('status').textContent = `${weights.network} from ${file.name} ${whereItRuns(weights)}`;
    await follow();
  } catch (error) {
    byId('status').textContent = `${file.name} was not opened.`;
    throw error;
  }
}

/**
 * Opens the network that lies beside the page, if it does and nobody has chosen anything else: no file, no run of other
 * weights, and no link to a channel that this network has not.
 */
async function openEmbedded(): Promise<void> {
  const bytes = await embeddedNetwork(new URL('.', location.href));
  if (!bytes || hasChosen || (state.run && state.run.weightsSha256 !== (await weightsHash(bytes)))) return;
  const buffer = bytes.buffer as ArrayBuffer;
  const weights = await client.ask<'open'>({ kind: 'open', name: 'shapes16', bytes: buffer }, [buffer]);
  const { block = FIRST.block, channel = 0 } = parseLink(location.hash);
  if (hasChosen) return;
  if (!(channel < (channelsOf({ weights }, block) ?? 0))) {
    byId('status').textContent =
      `The small network of this page has no channel ${channel} in block ${block}. ${DROP}`;
    return;
  }
  await setWeights(weights, true);
  byId('status').textContent =
    `shapes16, a narrow ResNet18 that learned drawn shapes and textures ${whereItRuns(weights)}. Drop a weights file to look into another.`;
  await follow();
}

const whereItRuns = ({ sha256, adapter, isSoftware, kernels }: Result<'open'>): string =>
  `(${sha256.slice(0, 8)}) on ${adapter}${isSoftware ? ', a software adapter: slow' : ''}, ${kernels} kernels`;

/** Other weights take the place of those before, and of what was made with them; undefined for none. */
async function setWeights(weights: Result<'open'> | undefined, isEmbedded: boolean): Promise<void> {
  await ascent.clear();
  clearPhotograph();
  Object.assign(state, { weights, isEmbedded });
  state.magnitudes.clear();
}

async function openRun(files: RunFiles): Promise<boolean> {
  const run = await Run.open(files);
  if (!run) return false;
  state.run = run;
  if (state.isEmbedded && run.weightsSha256 !== state.weights?.sha256) {
    await setWeights(undefined, false);
    byId('status').textContent = DROP;
  }
  await follow();
  return true;
}

async function openChosenRun(files: readonly File[]): Promise<void> {
  hasChosen = true;
  const chosen = chosenRun(files);
  if (await openRun(chosen)) return;
  throw new StreamscopeError(
    'badInput',
    `${chosen.name} has no report.json.`,
    'Choose a run folder, and analyze it first: streamscope analyze --run FOLDER.',
  );
}

/** Throws unavailable where no image can be made, before anyone waits for one. */
async function requireWebGpu(): Promise<void> {
  if (!navigator.gpu)
    throw new StreamscopeError(
      'unavailable',
      'This browser offers no WebGPU: run folders can be looked at, images cannot be made.',
      'Use a current Chrome or Edge; the page must come from https or localhost.',
    );
  if (!(await navigator.gpu.requestAdapter()))
    throw new StreamscopeError(
      'unavailable',
      'No WebGPU adapter was found: run folders can be looked at, images cannot be made.',
    );
}

function openDropped(file: File): Promise<void> {
  return file.type.startsWith('image/') ? showPhotograph(file, state, client) : openWeights(file);
}

function onFile(id: string, open: (files: File[]) => Promise<void>): void {
  const input = byId<HTMLInputElement>(id);
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = ''; // so that the same file can be chosen again
    if (files.length > 0) void attempt(() => open(files));
  });
}

ascent.onFinished = finish;
onFile('weights-file', ([file]) => openWeights(file));
onFile('run-folder', openChosenRun);
onFile('photograph', ([file]) => showPhotograph(file, state, client));
byId('draw-shape').addEventListener('click', () => attempt(() => showShape(state, client)));
byId('error-dismiss').addEventListener('click', dismissError);
addEventListener('hashchange', () => void attempt(follow));
addEventListener('unhandledrejection', ({ reason }) => showError(reason));
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
addEventListener('dragleave', () => document.body.classList.remove('dropping'));
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  for (const file of event.dataTransfer?.files ?? []) void attempt(() => openDropped(file));
});
const webGpu = requireWebGpu();
void attempt(() => webGpu);
void attempt(async () => {
  if (!(await openRun(servedRun(new URL('.', location.href))))) await update();
  await webGpu.then(openEmbedded, () => undefined); // where no image can be made, that was said already
});
