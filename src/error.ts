// The one error type that reaches people: a sentence (who, expected, got), a hint, and an exit class.
// Every layer may import this file; it imports nothing.

/** Exit codes of the command line, after sysexits.h. */
export const EXIT = {
  done: 0,
  usage: 64,
  badInput: 65,
  unavailable: 69,
  bug: 70,
  io: 74,
  stopped: 75,
} as const;

export type ExitClass = Exclude<keyof typeof EXIT, 'done'>;

/** An expected failure. `message` is one sentence, `hint` says what to do about it. */
export class StreamscopeError extends Error {
  readonly code: number;

  constructor(
    readonly exitClass: ExitClass,
    message: string,
    readonly hint?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'StreamscopeError';
    this.code = EXIT[exitClass];
  }
}
