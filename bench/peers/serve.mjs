// A peer as a child process: one JSON request per line on stdin, one JSON answer per line on stdout.
//
//   {do: 'describe'}                              -> {name, version, adapter}
//   {do: 'load', folder, case, input}             -> {firstMs}: makes the case, runs it once (compilation included)
//   {do: 'run', output}                           -> {}: writes the case's result, float32
//   {do: 'time', seconds, least}                  -> {samples}: ms per run, none of them overlapping
//
// A library gives `setUp(network, case, x)`, which returns {run, wait, read}: run() starts one pass and gives what is
// to be disposed of, wait() settles when the GPU is done with it, read() gives the numbers of a run.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { adapterName, check, waitFor } from './adapter.mjs';

const floats = (path) => {
  const { buffer, byteOffset, length } = readFileSync(path);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + length));
};

/** network.json and weights.bin: convolutions with their batch norms folded in, blocks, the classifier. */
function readNetwork(folder) {
  const network = JSON.parse(readFileSync(join(folder, 'network.json'), 'utf8'));
  const values = floats(join(folder, 'weights.bin'));
  const take = ({ at, shape }) => values.subarray(at, at + shape.reduce((a, b) => a * b, 1));
  return { ...network, take };
}

async function once({ run, wait, release }) {
  const start = performance.now();
  const result = run();
  await waitFor(wait(result));
  const ms = performance.now() - start;
  release(result);
  return ms;
}

async function answer(library, state, request) {
  if (request.do === 'describe') return { ...library.describe(), adapter: await adapterName() };
  if (request.do === 'load') {
    state.network ??= readNetwork(request.folder);
    state.subject?.dispose();
    state.subject = await library.setUp(state.network, request.case, floats(request.input));
    const firstMs = await once(state.subject);
    state.last = undefined;
    return { firstMs };
  }
  if (request.do === 'run') {
    const { run, read, release } = state.subject;
    const result = run();
    writeFileSync(request.output, await waitFor(read(result)));
    release(result);
    return {};
  }
  if (request.do === 'time') {
    const samples = [];
    const end = performance.now() + 1000 * request.seconds;
    // a turn of short runs begins with one that is not counted
    if (!(state.last > 500)) await once(state.subject);
    while (samples.length < request.least || performance.now() < end) samples.push(await once(state.subject));
    state.last = samples.at(-1);
    return { samples };
  }
  throw new Error(`unknown request ${request.do}`);
}

export async function serve(library) {
  console.log = console.info = console.warn = console.error;
  const state = {};
  for await (const line of createInterface({ input: process.stdin })) {
    let result;
    try {
      result = await answer(library, state, JSON.parse(line));
      check();
    } catch (error) {
      result = { error: String(error?.message ?? error).split('\n')[0] };
      if (process.env.DEBUG) console.error(error);
    }
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  process.exit(0);
}
