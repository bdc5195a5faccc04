// Plants one fault at a time in the kernels and asks the tests that should notice: do they?
//
//   node test/mutation/plant.mjs                 every fault; fails if any is missed
//   node test/mutation/plant.mjs spectrum        those whose file, tests or kind contain a word
//
// Works in a temporary copy. Every fault names the exact text that it replaces, which must occur once; a kernel that no
// longer compiles, or a run that ends without a verdict, counts for nothing. Before the faults the same tests run on the
// kernels as they are, and must pass.

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gemmFaults } from './gemmFaults.mjs';
import { imageFaults } from './imageFaults.mjs';
import { plainFaults } from './plainFaults.mjs';
import { simdFaults } from './simdFaults.mjs';
import { trainingFaults } from './trainingFaults.mjs';

/**
 * Tests, and faults that they should notice. `only`: names of the tests that run, as a regular expression.
 * @typedef {{ tests: string, only?: string, faults: Fault[] }} Suite
 * A fault: what kind, the file below src/kernels, its text, and what stands there instead.
 * @typedef {[kind: string, file: string, text: string, instead: string]} Fault
 * @typedef {{ passed: number, failures: string[] }} Verdict
 */

const FAMILIES = {
  plain: plainFaults,
  image: imageFaults,
  simd: simdFaults,
  gemm: gemmFaults,
  training: trainingFaults,
};
/** Longer than any of the runs takes where nothing hangs. */
const TIMEOUT_MS = 300_000;

const root = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'streamscope-plant-'));

function makeCopy() {
  for (const name of ['src', 'test', 'weights', 'package.json', 'vitest.config.ts', 'tsconfig.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(realpathSync(join(root, 'node_modules')), join(copy, 'node_modules'), 'dir');
}

/**
 * Runs tests in the copy, to the first failure.
 * @returns {Promise<Verdict | undefined>} undefined when the run gave no verdict
 */
function runTests({ tests, only }) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const project = tests.includes('.gpu.') ? 'gpu' : 'unit';
  const filter = only ? ['--testNamePattern', only] : [];
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project, tests, '--bail', '1'];
  const child = spawn(process.execPath, [...args, ...filter, '--reporter', 'json', '--outputFile', report], {
    cwd: copy,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(verdictOf(report)));
  });
}

/** @returns {Verdict | undefined} */
function verdictOf(report) {
  try {
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status === 'failed');
    const suites = testResults.filter(({ status, message }) => status === 'failed' && message);
    return {
      passed: numPassedTests,
      failures: [
        ...failed.map(({ failureMessages }) => failureMessages.join(' ')),
        ...suites.map(({ message }) => message),
      ],
    };
  } catch {
    return undefined;
  }
}

/**
 * Plants a fault, runs its tests, takes it out again.
 * @returns {Promise<{ caught: boolean, why: string }>}
 */
async function plant(suite, [, file, text, instead]) {
  const path = join(copy, 'src/kernels', file);
  const source = readFileSync(path, 'utf8');
  const times = source.split(text).length - 1;
  if (times !== 1) return { caught: false, why: `its text occurs ${times} times` };
  writeFileSync(
    path,
    source.replace(text, () => instead),
  );
  try {
    const verdict = await runTests(suite);
    if (!verdict) return { caught: false, why: 'the run gave no verdict' };
    if (verdict.failures.length === 0) return { caught: false, why: `${verdict.passed} tests passed` };
    const [first] = verdict.failures.map((message) => message.replaceAll(/\s+/g, ' ').slice(0, 160));
    const broken = verdict.failures.every((message) => /does not compile|Transform failed/.test(message));
    return broken ? { caught: false, why: `no kernel any more: ${first}` } : { caught: true, why: first };
  } finally {
    writeFileSync(path, source);
  }
}

/** The suites of every family with the faults that contain the word. */
function chosenBy(word) {
  return Object.entries(FAMILIES).flatMap(([family, suites]) =>
    suites
      .map((suite) => ({
        ...suite,
        family,
        faults: suite.faults.filter(([kind, file]) =>
          `${family} ${kind} ${file} ${suite.tests}`.includes(word),
        ),
      }))
      .filter(({ faults }) => faults.length > 0),
  );
}

async function main() {
  const suites = chosenBy(process.argv[2] ?? '');
  makeCopy();
  for (const suite of suites) {
    const verdict = await runTests(suite);
    if (verdict?.passed && verdict.failures.length === 0) continue;
    console.error(
      `without a fault ${suite.tests} ${suite.only ?? ''} does not pass: ${verdict?.failures[0]}`,
    );
    return 1;
  }
  const totals = {};
  const missed = [];
  for (const suite of suites) {
    for (const fault of suite.faults) {
      const [kind, file, text] = fault;
      const { caught, why } = await plant(suite, fault);
      const line = `${caught ? 'caught' : 'MISSED'}  ${suite.family.padEnd(8)}  ${kind}, ${file}: ${text.split('\n')[0].trim()}`;
      console.log(`${line}\n          ${why}`);
      if (!caught) missed.push(line);
      totals[suite.family] ??= { caught: 0, of: 0 };
      totals[suite.family].of++;
      if (caught) totals[suite.family].caught++;
    }
  }
  for (const [family, { caught, of }] of Object.entries(totals))
    console.log(`${family}: ${caught} of ${of} caught`);
  for (const line of missed) console.log(line);
  return missed.length > 0 || suites.length === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} finally {
  rmSync(copy, { recursive: true, force: true });
}
