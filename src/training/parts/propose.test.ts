import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import type { Mask, ProbabilityMap, Target } from '../../base/raster.ts';
import type { Click } from '../../clicks/maps.ts';
import { components } from './components.ts';
import { distinct, GRACO_PROPOSALS, type OpenSession, type PartProposal, proposeParts } from './propose.ts';

const [width, height] = [60, 40];

/** Rows of an object: columns 10 to 49 of rows 5 to 34, 1,200 px. */
const inObject = (x: number, y: number) => x >= 10 && x < 50 && y >= 5 && y < 35;
const targetOf = (inside: (x: number, y: number) => boolean): Target => ({
  width,
  height,
  data: Int8Array.from({ length: width * height }, (_, i) => Number(inside(i % width, Math.floor(i / width)))),
});
const target = targetOf(inObject);

/** A model that has made up its mind; what it was shown and clicked with is noted. */
function scripted(predictions: ((x: number, y: number) => boolean)[]) {
  const opened: { first: ProbabilityMap | undefined; clicks: Click[] }[] = [];
  const open: OpenSession = first => {
    const clicks: Click[] = [];
    opened.push({ first, clicks });
    return {
      clicks,
      async click(click) {
        clicks.push(click);
        const inside = predictions[Math.min(clicks.length, predictions.length) - 1];
        // to the left the model is surer
        const data = targetOf(inside).data;
        return { width, height, data: Float32Array.from(data, (v, i) => (v ? 0.9 - (i % width) / 200 : 0.1)) };
      },
    };
  };
  return { open, opened };
}

const random = () => Random.of(1, 'parts');
const size = ({ mask }: PartProposal) => mask.data.reduce((n, v) => n + v, 0);

describe('proposeParts', () => {
  const leftHalf = (x: number, y: number) => inObject(x, y) && x < 22;

  it('gives the part that remains and the rest of the object, with their granularities', async () => {
    const { open, opened } = scripted([inObject, leftHalf]);
    const [part, rest, ...none] = await proposeParts(target, open, GRACO_PROPOSALS, random());
    expect(none).toEqual([]);
    expect([part.kind, part.scale, size(part)]).toEqual(['part', 0.3, 360]);
    expect([rest.kind, rest.scale, size(rest)]).toEqual(['rest', 0.7, 840]);
    // the range from column 10 to 21 against that from 10 to 49
    expect(part.semantic).toBe(0.3);
    expect(part.clicks).toHaveLength(2);
    // the object is shown as previous mask, the positive click is inside, the negative one in the prediction
    expect([...opened[0].first!.data]).toEqual([...target.data]);
    const [first, second] = opened[0].clicks;
    expect([first.positive, inObject(first.x, first.y)]).toEqual([true, true]);
    expect([second.positive, inObject(second.x, second.y)]).toEqual([false, true]);
    // the judges are shown nothing
    expect(opened.slice(1).map(({ first, clicks }) => [first, clicks.length])).toEqual([
      [undefined, 1],
      [undefined, 1],
    ]);
    const { x, y } = opened[1].clicks[0];
    expect(leftHalf(x, y)).toBe(true);
  });

  it('clicks two to four times into a prediction that stays large', async () => {
    const numbers = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const { open, opened } = scripted([inObject]);
      await proposeParts(target, open, GRACO_PROPOSALS, Random.of(i));
      expect(opened[0].clicks.slice(1).every(({ positive }) => !positive)).toBe(true);
      numbers.add(opened[0].clicks.length - 1);
    }
    expect(numbers).toEqual(new Set([2, 3, 4]));
  });

  it('gives the object where the part is larger, or where nothing remains', async () => {
    const all = scripted([() => true]);
    const whole = await proposeParts(target, all.open, GRACO_PROPOSALS, random());
    expect(whole.map(p => [p.kind, p.scale, p.semantic, size(p)])).toEqual([['object', 1, 1, 1200]]);
    const nothing = scripted([() => false]);
    const rest = await proposeParts(target, nothing.open, GRACO_PROPOSALS, random());
    expect(rest.map(p => [p.kind, p.scale, size(p)])).toEqual([['object', 1, 1200]]);
  });

  it('leaves out a rest of a tenth, and keeps one region of several', async () => {
    const most = scripted([(x, y) => inObject(x, y) && x < 46]);
    expect((await proposeParts(target, most.open, GRACO_PROPOSALS, random())).map(p => p.kind)).toEqual(['part']);
    const middle = (x: number, y: number) => inObject(x, y) && (x < 15 || x >= 30);
    const [part, rest] = await proposeParts(target, scripted([middle]).open, GRACO_PROPOSALS, random());
    expect([size(part), size(rest)]).toEqual([20 * 30, 20 * 30]);
    const large = { ...GRACO_PROPOSALS, keepArea: 100 };
    const kept = new Set<number>();
    for (let i = 0; i < 30; i++) {
      kept.add(size((await proposeParts(target, scripted([middle]).open, large, Random.of(i)))[0]));
    }
    expect(kept).toEqual(new Set([150, 600]));
  });

  it('has nothing to say of an object without a pixel', async () => {
    expect(
      await proposeParts(
        targetOf(() => false),
        scripted([inObject]).open,
        GRACO_PROPOSALS,
        random(),
      ),
    ).toEqual([]);
  });

  it('is the same from the same stream', async () => {
    const of = () => proposeParts(target, scripted([inObject, leftHalf]).open, GRACO_PROPOSALS, random());
    expect(await of()).toEqual(await of());
  });
});

describe('distinct', () => {
  it('drops what is there already', () => {
    const masked = (from: number, to: number): PartProposal => ({
      kind: 'part',
      mask: { width: 100, height: 1, data: Uint8Array.from({ length: 100 }, (_, i) => Number(i >= from && i < to)) },
      scale: 0.5,
      semantic: 0.5,
      clicks: [],
    });
    const [a, same, other] = [masked(0, 50), masked(0, 48), masked(0, 40)];
    expect(distinct([a, same, other], 0.9)).toEqual([a, other]);
  });
});

describe('components', () => {
  it('join over corners, in the order of their first pixels', () => {
    const rows = ['.#..#', '#...#', '.....', '##.#.'];
    const mask: Mask = { width: 5, height: 4, data: Uint8Array.from(rows.join(''), char => Number(char === '#')) };
    expect(components(mask).map(region => [...region].sort((a, b) => a - b))).toEqual([[1, 5], [4, 9], [15, 16], [18]]);
    expect(components({ width: 2, height: 2, data: new Uint8Array(4) })).toEqual([]);
  });
});
