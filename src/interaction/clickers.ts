import { Random } from '../base/random.ts';
import type { Mask, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { nextClick, randomClick } from './clicker.ts';

/** The next click of a simulated user, from what it sees and the clicks made so far. */
export type ClickRule = (target: Target, prediction: Mask, clicked: readonly Click[]) => Click;

/** A simulated user. Repetitions of one seed are users who differ in their draws only. */
export type Clicker = { kind: 'centre' } | { kind: 'random'; seed: number; repetition: number };

type Rules = { [K in Clicker['kind']]: (clicker: Extract<Clicker, { kind: K }>, objectId: string) => ClickRule };

/**
 * - `centre`: `nextClick`, the field's protocol.
 * - `random`: `randomClick`. A click's stream is named by seed, object, repetition and the number of clicks before it,
 *   so no draw depends on the order in which objects are evaluated, or on how often an earlier click drew.
 */
const rules: Rules = {
  centre: () => nextClick,
  random:
    ({ seed, repetition }, objectId) =>
    (target, prediction, clicked) =>
      randomClick(target, prediction, clicked, Random.of(seed, 'click', objectId, repetition, clicked.length)),
};

/** @param objectId unique in the data set */
export function clickRule(clicker: Clicker, objectId: string): ClickRule {
  return clicker.kind === 'centre' ? rules.centre(clicker, objectId) : rules.random(clicker, objectId);
}

/** The users of a robustness test: repetitions 0 .. count - 1. */
export function randomClickers(seed: number, count: number): Clicker[] {
  return Array.from({ length: count }, (_, repetition) => ({ kind: 'random', seed, repetition }));
}
