// What training says while it runs: the time of a step without the first, which compiles.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TrainingProgress } from '../../src/cli/trainingProgress.ts';

const lines: string[] = [];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  lines.length = 0;
});

/** Step 11 after a minute, then a step every 3 s, up to 14 of 20. */
function run(style: 'auto' | 'json' | 'none') {
  const progress = new TrainingProgress(20, style, 10);
  vi.advanceTimersByTime(60_000);
  progress.show(11, 2);
  for (const step of [12, 13, 14]) {
    vi.advanceTimersByTime(3000);
    progress.show(step, 1.5);
  }
}

test('a line every few seconds', () => {
  run('auto');
  expect(lines).toEqual([
    'step 11/20, loss 2.0000, ? left',
    'step 13/20, loss 1.5000, 3.00 s per step, 21 s left',
  ]);
});

test('JSON has no infinity', () => {
  run('json');
  expect(lines.map((line) => JSON.parse(line).progress)).toEqual([
    { steps: 11, totalSteps: 20, loss: 2, secondsPerStep: null, secondsLeft: null },
    { steps: 13, totalSteps: 20, loss: 1.5, secondsPerStep: 3, secondsLeft: 21 },
  ]);
});

test('or nothing', () => {
  run('none');
  expect(lines).toEqual([]);
});
