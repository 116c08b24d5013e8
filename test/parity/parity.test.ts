import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultFolders, defaultSurroundings } from './command.ts';
import { findCases } from './discover.ts';
import { runCase } from './result.ts';

// other folders may be given, separated by colons
const folders = process.env.CLICKPROBE_GOLDEN?.split(':').filter(Boolean) ?? defaultFolders;

for (const folder of folders) {
  const found = existsSync(folder);
  if (!found) console.warn(`skipped: parity with the reference, ${folder} is absent`);
  const cases = found ? await findCases(folder, defaultSurroundings) : [];
  const reasons = new Map<string, number>();
  for (const { skip } of cases) if (skip) reasons.set(skip, (reasons.get(skip) ?? 0) + 1);
  for (const [reason, count] of reasons) console.warn(`${count} cases of ${basename(folder)} skipped: ${reason}`);

  describe.skipIf(!found)(`parity with ${basename(folder)}`, () => {
    it.each(cases.filter(({ skip }) => skip === undefined))('$name', async each => {
      const { verdict, reason } = await runCase(each);
      expect({ verdict, reason }).toEqual({ verdict: 'passed', reason: undefined });
    });

    for (const { name, skip } of cases) if (skip !== undefined) it.skip(`${name}: ${skip}`, () => undefined);
  });
}
