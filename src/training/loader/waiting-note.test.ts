import { expect, it } from 'vitest';
import { waitingNote } from './waiting-note.ts';

const step = (waited: number) => ({ seconds: 1, waited });

it('says nothing up to 5 %, then how much', () => {
  const note = waitingNote();
  note(step(0));
  expect(note(step(0.05))).toBe('');
  // (.05 + .35) / 2
  expect(note(step(0.35))).toBe(', 20 % of the time waiting for samples');
});

it('does not count the first step, which has to wait', () => {
  const note = waitingNote();
  expect(note(step(0.9))).toBe('');
  expect(note(step(0))).toBe('');
});

it('forgets what was 50 steps ago', () => {
  const note = waitingNote();
  note(step(0));
  for (let i = 0; i < 20; i++) note(step(0.5));
  let last = '';
  for (let i = 0; i < 30; i++) last = note(step(0));
  expect(last).toBe(', 20 % of the time waiting for samples');
  for (let i = 0; i < 20; i++) last = note(step(0));
  expect(last).toBe('');
});
