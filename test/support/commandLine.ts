// The command line as a process of its own, with what it said and how it ended.

import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface CommandResult {
  /** null when a signal ended it */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd: string;
  env?: Record<string, string>;
  /** sends `signal` once, as soon as stderr matches */
  killAfter?: RegExp;
  signal?: NodeJS.Signals;
}

/** Runs the bundle of the repository at `root`; never throws for a failing command. */
export function runCommand(
  root: string,
  args: readonly string[],
  { cwd, env = {}, killAfter, signal = 'SIGTERM' }: RunOptions,
): Promise<CommandResult> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'dist/streamscope.js'), ...args], {
      cwd,
      env: { ...process.env, ...env },
    });
    const result: CommandResult = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      result.stdout += data;
    });
    child.stderr.on('data', (data) => {
      result.stderr += data;
      // once: a second signal ends the process at once
      if (killAfter?.test(result.stderr) && !child.killed) child.kill(signal);
    });
    child.on('close', (code) => done({ ...result, code }));
  });
}
