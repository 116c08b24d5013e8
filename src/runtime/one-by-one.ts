import { joined } from '../base/arrays.ts';
import { GraphError } from '../graph/tensor.ts';
import type { Feeds, Program, Results } from './program.ts';

/**
 * A program for a batch made of programs for one image each, which run one after the other: what one of them computes
 * with takes its memory after the other has given it back.
 *
 * @param programs one for each image; they share their sessions, so giving the first back gives all back.
 */
export function oneByOne(programs: readonly Program[]): Program {
  const own = (name: string, data: Float32Array, image: number): Float32Array => {
    const length = data.length / programs.length;
    if (!Number.isInteger(length)) {
      throw new GraphError(`input "${name}": ${data.length} numbers given for ${programs.length} images`);
    }
    return data.subarray(image * length, (image + 1) * length);
  };
  return {
    async run(group: string, feeds: Feeds): Promise<Results> {
      const results: Results[] = [];
      for (const [image, program] of programs.entries()) {
        const parts = Object.entries(feeds).map(([name, data]) => [name, own(name, data, image)]);
        results.push(await program.run(group, Object.fromEntries(parts)));
      }
      return Object.fromEntries(
        Object.keys(results[0]).map(name => [name, joined(results.map(result => result[name]))]),
      );
    },
    release: () => programs[0].release(),
  };
}
