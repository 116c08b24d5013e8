import type { Mask } from '../base/raster.ts';

/** The pixels of a mask in COCO's compressed run lengths: what `paintSegmentation` reads. */
export function encodeSegmentation({ width, height, data }: Mask): { size: [number, number]; counts: string } {
  const runs: number[] = [];
  let value = 0;
  let length = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if (data[y * width + x] === value) length++;
      else {
        runs.push(length);
        value = 1 - value;
        length = 1;
      }
    }
  }
  runs.push(length);
  return { size: [height, width], counts: compressed(runs) };
}

/** From the fourth on as difference to the one two before, in groups of five bits; see `parseCounts`. */
function compressed(runs: readonly number[]): string {
  let text = '';
  for (const [i, run] of runs.entries()) {
    let rest = i > 2 ? run - runs[i - 2] : run;
    let more = true;
    while (more) {
      const group = rest & 31;
      rest >>= 5;
      // done where the sign in the last group tells the rest
      more = (group & 16) === 0 ? rest !== 0 : rest !== -1;
      text += String.fromCharCode(48 + group + (more ? 32 : 0));
    }
  }
  return text;
}
