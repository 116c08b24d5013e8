import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sample } from '../types.ts';
import { differencesFrom, digestOf, type ImageFacts, imageFacts, knownFacts, shortFacts } from './facts.ts';

const golden = join(import.meta.dirname, '../../../../shared/golden/protocol');
const files = existsSync(golden) ? readdirSync(golden).filter(file => /^dataset_\w+\.json$/.test(file)) : [];
const known = files.flatMap(file => {
  const { dataset, samples } = JSON.parse(readFileSync(join(golden, file), 'utf8'));
  const facts = knownFacts[String(dataset).toLowerCase()];
  return facts ? [{ dataset, samples, facts }] : [];
});
if (known.length === 0) console.warn(`skipped: facts of the sets as the original code reads them, ${golden} is absent`);

describe.skipIf(known.length === 0)('the facts that are kept', () => {
  it.each(known)('of $dataset are those of the original reader', ({ samples, facts }) => {
    const original = samples.map((sample: { name: string; w: number; h: number; sha: string }) => ({
      id: sample.name.replace(/\.\w+$/, ''),
      width: sample.w,
      height: sample.h,
      masks: [sample.sha],
    }));
    expect(facts.images.map(image => image.slice(0, 4))).toEqual(
      original.map(({ id, width, height, masks }: ImageFacts) => [id, width, height, masks[0].slice(0, 16)]),
    );
    expect(digestOf(original)).toBe(facts.digest);
  });
});

function image(id: string, changes: Partial<ImageFacts> = {}): ImageFacts {
  const masks = [createHash('sha256').update(id).digest('hex')];
  return { id, width: 8, height: 6, masks, photo: Array.from({ length: 16 }, (_, i) => 10 * i), ...changes };
}
const images = ['a', 'b', 'c'].map(id => image(id));
const facts = { digest: digestOf(images), images: images.map(shortFacts) };
const mask = 'f'.repeat(64);

describe('differencesFrom', () => {
  it('finds none in the set itself, nor in other decoders’ rounding', () => {
    expect(differencesFrom(facts, images)).toEqual([]);
    const rounded = images.map(each => ({
      ...each,
      photo: each.photo.map((grey, i) => Math.max(0, grey + 3 - (i % 7))),
    }));
    expect(differencesFrom(facts, rounded)).toEqual([]);
  });

  it.each<[string, ImageFacts[], string[]]>([
    ['missing', [images[0], images[2]], ['b: missing']],
    ['too many', [...images, image('d')], ['d: not part of the set']],
    ['of another size', [images[0], image('b', { width: 9 }), images[2]], ['b: 9x6 px, expected 8x6']],
    ['with another mask', [images[0], images[1], image('c', { masks: [mask] })], ['c: another mask']],
    [
      'with more masks',
      [image('a', { masks: [...images[0].masks, mask] }), images[1], images[2]],
      ['a: 2 objects, expected 1'],
    ],
    [
      'with another photo',
      [image('a', { photo: images[0].photo.map((g, i) => (i === 5 ? g + 5 : g)) }), images[1], images[2]],
      ['a: another photo'],
    ],
    [
      'with both',
      [image('a', { masks: [mask], photo: new Array(16).fill(0) }), images[1], images[2]],
      ['a: another mask, another photo'],
    ],
    ['in another order', [images[1], images[0], images[2]], ['all images are there, but in another order']],
    ['in none', [], ['a: missing', 'b: missing', 'c: missing']],
  ])('names images %s', (_, found, says) => expect(differencesFrom(facts, found)).toEqual(says));
});

describe('imageFacts', () => {
  const sample: Sample = {
    id: 'x.tar.JPG',
    image: { width: 2, height: 2, data: new Uint8Array(12).fill(100) },
    objects: [{ width: 2, height: 2, data: Int8Array.of(1, 0, -1, 0) }],
  };

  it('hashes masks as signed bytes and drops the extension of the name', () => {
    const sha = createHash('sha256')
      .update(Buffer.from([1, 0, 255, 0]))
      .digest('hex');
    expect(imageFacts(sample)).toEqual({
      id: 'x.tar',
      width: 2,
      height: 2,
      masks: [sha],
      photo: new Array(16).fill(100),
    });
    expect(shortFacts(imageFacts(sample))).toEqual(['x.tar', 2, 2, sha.slice(0, 16), '64'.repeat(16)]);
  });
});
