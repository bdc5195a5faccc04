// The page's end of the conversation with the worker (protocol.ts): a promise per request, and pictures on the way.

import * as v from 'valibot';
import { type ExitClass, StreamscopeError } from '../error.ts';
import { type Picture, parseReply, RESULTS, type Request, type Result } from './protocol.ts';

type Waiting = { kind: Request['kind']; done: (result: never) => void; fail: (error: Error) => void };

/** Distributes over the kinds of requests. */
export type RequestOf<K extends Request['kind']> = Extract<Request, { kind: K }>;

export class Client {
  onPicture: (picture: Picture) => void = () => {};
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failAll(
        new StreamscopeError(
          'bug',
          `The worker failed: ${event.message || 'it could not start'}.`,
          'Reload the page.',
        ),
      );
    };
  }

  /** Throws what the worker answers, or the worker's own end. */
  ask<K extends Request['kind']>(body: RequestOf<K>, transfer: Transferable[] = []): Promise<Result<K>> {
    const request = ++this.#count;
    return new Promise<Result<K>>((done, fail) => {
      this.#waiting.set(request, { kind: body.kind, done, fail });
      this.#worker.postMessage({ request, body }, transfer);
    });
  }

  #receive(message: unknown): void {
    const reply = parseReply(message);
    if (reply.kind === 'picture') {
      this.onPicture(reply);
      return;
    }
    const waiting = this.#waiting.get(reply.request);
    if (!waiting) return;
    this.#waiting.delete(reply.request);
    if (reply.kind === 'failed') {
      waiting.fail(new StreamscopeError(reply.exitClass as ExitClass, reply.message, reply.hint));
      return;
    }
    const result = v.safeParse(RESULTS[waiting.kind], reply.result);
    if (result.success) waiting.done(result.output as never);
    else
      waiting.fail(new StreamscopeError('bug', `The worker answered ${waiting.kind} with something else.`));
  }

  #failAll(error: Error): void {
    for (const { fail } of this.#waiting.values()) fail(error);
    this.#waiting.clear();
  }
}
