// Which channels of a block a photograph drives: through what bypasses the block, through the block, or both. Pure.

import { ROLES, type Role } from '../analysis/measurements.ts';

export interface Driven {
  channel: number;
  answers: Record<Role, number>;
  /** whose answer is above 0: I's alone, B's alone, or both; one is, where their sum is */
  through: 'skip' | 'block' | 'both';
}

/** The channels whose output O is above 0, the strongest first. */
export function strongest(answers: Record<Role, ArrayLike<number>>, count: number): Driven[] {
  return Array.from({ length: answers.O.length }, (_, channel): Driven => {
    const of = Object.fromEntries(ROLES.map((role) => [role, answers[role][channel]])) as Driven['answers'];
    const through = of.I > 0 && of.B > 0 ? 'both' : of.I > 0 ? 'skip' : 'block';
    return { channel, answers: of, through };
  })
    .filter(({ answers: { O } }) => O > 0)
    .sort((a, b) => b.answers.O - a.answers.O || a.channel - b.channel)
    .slice(0, count);
}
