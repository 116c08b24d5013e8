import { Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../base/errors.ts';
import { ownVersion } from '../experiments/versions.ts';

const list = (value: string): string[] => value.split(',').filter(item => item !== '');
const collect = (value: string, earlier: string[]): string[] => [...earlier, value];

function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('expected a whole number');
  return number;
}

const program = new Command('clickprobe')
  .description(
    'How good are these dense features? Freezes a backbone and an upsampler, trains a small probe to segment what is\n' +
      'clicked, simulates the user, counts the clicks (NoC).',
  )
  .version(ownVersion())
  .showHelpAfterError('(clickprobe --help shows how)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program
  .command('bench')
  .summary('train and evaluate one probe per upsampler; prints the table')
  .description(
    'Trains one probe per upsampler (same data, seed, steps), lets the simulated user click on every object of the\n' +
      'test sets and prints the table. Everything goes into a run folder: configuration, versions, curves, checkpoints,\n' +
      'results.json, report.html. The same command again goes on where a stopped run was.',
  )
  .addOption(new Option('--preset <name>', 'where to start from: quick (offline, minutes) or paper').default('quick'))
  .option('--config <file>', 'YAML file whose entries replace the preset’s')
  .option('--set <entry=value>', 'one entry, such as training.epochs=5 (repeatable)', collect, [])
  .option('--out <dir>', 'run folder (default: runs/PRESET-HASH)')
  .option('--backbone <name>', 'mobilesam, dinov2-s14, dinov2-b14 or dinov2-l14')
  .option('--weights <file>', 'file of the backbone’s weights')
  .option(
    '--upsamplers <names>',
    'comma-separated: none,nearest,bilinear,bicubic,joint-bilateral,jbu,guided-filter',
    list,
  )
  .option('--head <name>', 'linear, simple-conv or conv')
  .option('--injection <where>', 'where clicks enter: early or late')
  .option('--train <set>', 'training set as KIND:PATH, such as coco:DIR; synthetic needs no path')
  .option('--epochs <n>', 'training epochs', wholeNumber)
  .option('--datasets <sets>', 'test sets, comma-separated: grabcut:DIR,berkeley:DIR,synthetic', list)
  .option('--seed <n>', 'of everything random', wholeNumber)
  .option('--threads <n>', 'processor threads (default: all)', wholeNumber)
  .option('--device <name>', 'cpu or webgpu')
  .option('--json', 'print one JSON object per row instead of the table', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe bench                                       offline: drawn scenes, five upsamplers, a few minutes
  clickprobe bench --upsamplers none,bilinear --epochs 2 a first look
  clickprobe bench --train coco:DIR --datasets grabcut:DIR,berkeley:DIR --out runs/coco
  clickprobe bench --preset paper --weights dinov2_vits14.safetensors --train sbd:DIR --datasets sbd:DIR

Exit codes: 0 done, 2 wrong input, 74 cannot write, 130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async options => {
    const { benchCommand } = await import('./bench.ts');
    const command = ['clickprobe', ...process.argv.slice(2)].map(quote).join(' ');
    process.exitCode = await benchCommand(options, command);
  });

const quote = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`clickprobe: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
