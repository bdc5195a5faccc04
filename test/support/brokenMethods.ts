// Methods of classes that a test exchanges for a while: to count calls, or to make one of them go wrong.

import { expect } from 'vitest';

type Method = (this: unknown, ...given: unknown[]) => unknown;

/** Follows every call of a method by `after`, until the function that is returned is called; that says how many. */
function followed(
  owner: { prototype: object },
  name: string,
  after: (call: number, result: unknown) => void,
): () => number {
  const prototype = owner.prototype as Record<string, Method>;
  const original = prototype[name];
  let calls = 0;
  prototype[name] = function (...given) {
    const result = original.apply(this, given);
    after(calls++, result);
    return result;
  };
  return () => {
    prototype[name] = original;
    return calls;
  };
}

/** Counts calls of a method; the function that is returned says how many, and stops. */
export const counted = (owner: { prototype: object }, name: string): (() => number) =>
  followed(owner, name, () => {});

/** What `run` throws while call `when` of a method is followed by `act`. */
export async function faulty(
  [owner, name, when]: [{ prototype: object }, string, number],
  act: (result: unknown) => void,
  run: () => Promise<unknown>,
): Promise<unknown> {
  const restore = followed(owner, name, (call, result) => {
    if (call === when) act(result);
  });
  try {
    return await run().then(
      () => 'nothing was thrown',
      (error: unknown) => error,
    );
  } finally {
    expect(restore(), `calls of ${name}`).toBeGreaterThan(when);
  }
}
