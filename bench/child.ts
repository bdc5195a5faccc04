// A child process that answers one JSON request per line: PyTorch, or a peer in JavaScript. It stays alive for the
// whole run, so that neither its start nor its compilations are timed; while it works, this side sleeps.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { waitFor } from '#gpu';
import { StreamscopeError } from '../src/error.ts';

export class Child {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** `name` and `hint` are for the message when it ends without an answer. */
  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    readonly hint: string,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.#child.on('error', () => {}); // seen as the end of its output
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async ask<Answer>(request: Record<string, unknown>): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const value = await this.#answer();
    const answer = JSON.parse(value) as Answer & { error?: string };
    if (answer.error) throw new StreamscopeError('bug', `The ${this.name} side failed: ${answer.error}.`);
    return answer;
  }

  /** The next line that is an answer; what native libraries print there goes to stderr. */
  async #answer(): Promise<string> {
    for (;;) {
      const { value, done } = await waitFor(this.#lines.next());
      if (done)
        throw new StreamscopeError(
          'unavailable',
          `The ${this.name} side ended without an answer.`,
          this.hint,
        );
      if (value.startsWith('{')) return value;
      console.error(`${this.name}: ${value}`);
    }
  }

  close(): void {
    this.#child.stdin!.end();
    this.#child.kill();
  }
}
