import { describe, expect, it } from 'vitest';
import { Rate } from './rate.ts';

describe('Rate', () => {
  it('is not known before two notes at different times', () => {
    const rate = new Rate();
    expect(rate.perSecond()).toBeUndefined();
    rate.note(100, 5);
    expect(rate.perSecond()).toBeUndefined();
    rate.note(200, 5);
    expect(rate.perSecond()).toBeUndefined();
    rate.note(300, 7);
    expect(rate.perSecond()).toBe(100);
  });

  it('is the same however often it is told', () => {
    const rate = new Rate();
    for (let i = 0; i <= 5000; i++) rate.note(i, i / 1000);
    expect(rate.perSecond()).toBeCloseTo(1000, 6);
  });

  it('forgets what was long ago, and all where the file begins anew', () => {
    const rate = new Rate(10);
    rate.note(0, 0);
    rate.note(1000, 10);
    for (let at = 11; at <= 30; at++) rate.note(1000 + 10 * (at - 10), at);
    expect(rate.perSecond()).toBeCloseTo(10, 9);
    rate.note(0, 31);
    expect(rate.perSecond()).toBeUndefined();
    rate.note(50, 32);
    expect(rate.perSecond()).toBe(50);
  });
});
