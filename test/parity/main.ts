import { parity } from './command.ts';

process.exitCode = await parity(process.argv.slice(2), { out: console.log, err: console.error });
