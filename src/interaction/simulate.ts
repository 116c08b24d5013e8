import { UserError } from '../base/errors.ts';
import type { Mask, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { nextClick } from './clicker.ts';
import type { ClickRule } from './clickers.ts';
import { iou } from './iou.ts';
import { type InteractiveSession, thresholded } from './session.ts';

/** What the simulated user clicks at: a probe's session, or a baseline's. */
export type ClickSession = Pick<InteractiveSession, 'clicks' | 'probability' | 'threshold' | 'click' | 'reset'>;

export interface SimulationOptions {
  /** Default 20. */
  maxClicks?: number;
  /** Stop at this IoU, 0..1. Default: never, so that curves are whole. */
  targetIou?: number;
  /** But not before so many clicks. Default 1. */
  minClicks?: number;
  /** The target IoU is compared in this precision. Default float32, as NoC compares; the original stops by float64. */
  stopPrecision?: 'float32' | 'float64';
  /** The IoU of an empty object found empty. Default 1; the original's NaN never reaches a target and spoils means. */
  emptyIou?: number;
  /** What counts as predicted: a probability above this. Default: the session's. */
  threshold?: number;
  /** Where the user clicks. Default: in the middle of the larger error. */
  clickRule?: ClickRule;
  /** Measures the edge of each mask, usually `boundaryIou`; its time does not count. Default: not measured. */
  boundary?: (target: Target, prediction: Mask) => number;
  /** Keep the masks after these clicks, counted from 1. */
  keepMasksAt?: readonly number[];
  /** Asks to stop; the simulation then ends before its next click by throwing the signal's reason. */
  signal?: AbortSignal;
}

export interface SimulatedClick {
  click: Click;
  /** Counted from 1. */
  number: number;
  iou: number;
  seconds: number;
}

export interface Simulation {
  clicks: readonly Click[];
  /** IoU after each click. */
  ious: Float32Array;
  /** What `boundary` gave after each click, where it was asked for. */
  boundary?: Float32Array;
  /** Time of each click: finding it, the network, the IoU. */
  seconds: Float64Array;
  /** By click number, the clicks asked for as far as they were reached. */
  masks: ReadonlyMap<number, Mask>;
}

/**
 * Lets the simulated user click until the target IoU or the last click. The session is reset first.
 *
 * IoU and target are compared as float32 unless told otherwise, as NoC compares them: a run that stops at a target IoU
 * has the NoC of a run that does not.
 */
export async function simulateClicks(
  session: ClickSession,
  target: Target,
  options: SimulationOptions = {},
  onClick?: (step: SimulatedClick) => void,
): Promise<Simulation> {
  const { maxClicks = 20, targetIou = Infinity, minClicks = 1, threshold = session.threshold } = options;
  const { clickRule = nextClick, signal } = options;
  if (!Number.isInteger(maxClicks) || maxClicks < 1) {
    throw new UserError(`the number of clicks is ${maxClicks}; it must be a whole number from 1 on, usually 20`);
  }
  const rounded = options.stopPrecision === 'float64' ? (value: number) => value : Math.fround;
  const ious: number[] = [];
  const seconds: number[] = [];
  const boundary: number[] = [];
  const masks = new Map<number, Mask>();
  session.reset();
  let mask = thresholded(session.probability, Infinity);
  for (let number = 1; number <= maxClicks; number++) {
    signal?.throwIfAborted();
    const start = performance.now();
    const click = clickRule(target, mask, session.clicks);
    mask = thresholded(await session.click(click), threshold);
    const reached = iou(target, mask, options.emptyIou);
    seconds.push((performance.now() - start) / 1000);
    ious.push(Math.fround(reached));
    if (options.boundary) boundary.push(options.boundary(target, mask));
    if (options.keepMasksAt?.includes(number)) masks.set(number, mask);
    onClick?.({ click, number, iou: Math.fround(reached), seconds: seconds[number - 1] });
    if (rounded(reached) >= rounded(targetIou) && number >= minClicks) break;
  }
  return {
    clicks: session.clicks,
    ious: Float32Array.from(ious),
    ...(options.boundary && { boundary: Float32Array.from(boundary) }),
    seconds: Float64Array.from(seconds),
    masks,
  };
}
