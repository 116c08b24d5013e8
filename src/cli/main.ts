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

function count(value: string): number {
  const number = wholeNumber(value);
  if (number < 1) throw new InvalidArgumentError('expected a whole number of at least 1');
  return number;
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0 && number < 1e6)) throw new InvalidArgumentError('expected a number above 0');
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
  .option('--backbone <name>', 'mobilesam, dinov2-s14, dino-b16 ..: docs/backbones.md lists all')
  .option('--weights <file>', 'file of the backbone’s weights (default: what clickprobe models get fetched)')
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
  .option('--mode <name>', 'how the network sees a picture: fixed224, whole224, cvpr, ritm, native ..')
  .option('--no-curves', 'stop each object at an IoU of 90 %: the same NoC up to there for less work')
  .option('--boundary', 'measure the boundary IoU too')
  .option('--random-clicks <n>', 'evaluate once more with n users who click at random inside the error', wholeNumber)
  .option('--baselines <names>', 'rows beside the probes: sam', list)
  .option('--seed <n>', 'of everything random but what synthetic sets draw', wholeNumber)
  .option('--seeds <n>', 'train with so many seeds, one after the other: mean and spread', count, 1)
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
  clickprobe bench --seeds 3 --no-curves                 three trainings of each probe, mean and spread
  clickprobe bench --preset paper --weights dinov2_vits14.safetensors --train sbd:DIR --datasets sbd:DIR

Exit codes: 0 done, 2 wrong input, 74 cannot write, 130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async options => {
    const { benchCommand } = await import('./bench.ts');
    const command = ['clickprobe', ...process.argv.slice(2)].map(quote).join(' ');
    process.exitCode = await benchCommand(options, command);
  });

program
  .command('compare')
  .summary('whether the differences between finished runs, or within one, could be chance')
  .argument('<run...>', 'run folders of clickprobe bench')
  .description(
    'Compares methods object by object: the mean difference, its 95 % bootstrap interval, the p-value of a sign-flip ' +
      'test, and in words whether it could be chance. Runs are paired by upsampler, set and object.',
  )
  .option('--across <what>', 'runs, upsamplers (of one run) or seeds (runs as repetitions); default: by their number')
  .option(
    '--baseline <name>',
    'compare all with this run or upsampler (default: the first run; each pair of upsamplers)',
  )
  .option(
    '--metric <names>',
    'comma-separated: noc80 .. noc95, nof80 .. nof95, iou1, miou5, biou1, biou5; or all that are known',
    list,
  )
  .option('--upsamplers <names>', 'only these, comma-separated', list)
  .option('--shared-only', 'where sets or objects differ, compare those that all have', false)
  .option('--force', 'compare also what was evaluated differently', false)
  .option('--seed <n>', 'of the resampling', wholeNumber, 0)
  .option('--resamples <n>', 'of the bootstrap', wholeNumber, 2000)
  .option('--json', 'print one JSON object per comparison', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe compare runs/a runs/b                       the same upsamplers in two runs
  clickprobe compare runs/a --baseline bilinear          every upsampler of a run against bilinear
  clickprobe compare runs/a --metric noc90,iou1          each pair of upsamplers, two metrics
  clickprobe compare runs/s0 runs/s1 runs/s2 --across seeds --baseline bilinear

How to read it:
  NoC90  5.20 -> 4.80  -0.40  [-0.71, -0.10]  p 0.0120  jbu is better, unlikely to be chance
  The second method needs .4 clicks fewer; with other objects of the same kind the difference would probably lie
  between -.71 and -.10; methods of equal quality would differ by so much 12 times in 1,000. Where several pairs or
  sets are compared, "Holm" is the p-value that accounts for having looked at all of them, and the words follow it.
  "Could be chance" is not "equal": the interval says how large the difference may still be.
  One training per method is compared: that another seed would tell the same is shown by --across seeds alone.

Exit codes: 0 done, 2 wrong input.`,
  )
  .action(async (runs, options) => {
    const { compareCommand } = await import('./compare.ts');
    compareCommand(runs, options);
  });

const data = program.command('data').summary('data sets: what there is, fetching, checking');
data
  .command('list')
  .summary('what can be read, how it is written, what can be fetched')
  .option('--json', 'print one JSON array', false)
  .action(async options => {
    const { dataListCommand } = await import('./data.ts');
    dataListCommand(options);
  });
data
  .command('get')
  .summary('fetch a set, unpack it, check it')
  .argument('<name>', 'as in the column "data get" of clickprobe data list')
  .description(
    'Fetches the archives of a set from the first source that delivers, unpacks them into a folder and checks that it is\n' +
      'the set that papers mean. What was stopped or broke off is continued by the same command. Sets that a person has\n' +
      'to ask for are not fetched: how to get them is printed.',
  )
  .option('--to <dir>', 'folder to make (default: data/NAME)')
  .option('--mirror <url>', 'a folder on a server that has the archives under the same names, tried first')
  .option('--source <url>', 'take an archive from there instead (repeatable, tried in turn)', collect, [])
  .option('--stall <seconds>', 'longest time without a byte', positive, 30)
  .option('--attempts <n>', 'attempts at each source that bring nothing', positive, 4)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe data get grabcut                            into data/grabcut
  clickprobe data get sbd --to /big/sbd
  clickprobe data get davis --source http://10.0.0.5/DAVIS.zip

Exit codes: 0 done, 1 fetched but it differs from the set that papers mean, 2 wrong input, 69 no source delivered,
74 cannot write, 130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async (name, options) => {
    const { dataGetCommand } = await import('./data.ts');
    process.exitCode = await dataGetCommand(name, options);
  });
data
  .command('verify')
  .summary('whether a folder is the set that papers mean')
  .argument('<set...>', 'KIND:DIR')
  .description(
    'Reads every photo and mask, counts them, and compares GrabCut and Berkeley image by image with what is known of\n' +
      'them. Of several sets it names the photos that two of them share.',
  )
  .addOption(new Option('--split <name>', 'only this part').choices(['train', 'val']))
  .option('--quick', 'decode nothing: only what can be counted without', false)
  .option('--json', 'print one JSON object', false)
  .addHelpText('after', '\nExit codes: 0 it is that set, 1 it differs, 2 wrong input, 130 stopped by Ctrl-C.')
  .action(async (sets, options) => {
    const { dataVerifyCommand } = await import('./data.ts');
    process.exitCode = await dataVerifyCommand(sets, options);
  });

const models = program.command('models').summary('weights of backbones: what there is, fetching, checking');
models
  .command('list')
  .summary('every backbone: size, file, licence, whether its weights are here')
  .option('--json', 'print one JSON array', false)
  .action(async options => {
    const { modelsListCommand } = await import('./models.ts');
    modelsListCommand(options);
  });
models
  .command('get')
  .summary('fetch the weights of a backbone from the hub and check that they fit')
  .argument('<name>', 'as in clickprobe models list')
  .description(
    'Fetches the file that a backbone needs from huggingface.co into a cache that all runs share, checks its SHA-256 and\n' +
      'loads it once. What was stopped or broke off is continued by the same command. Read the licence first.',
  )
  .option('--revision <name>', 'branch, tag or commit', 'main')
  .option('--to <file>', 'write it there instead of into the cache')
  .option('--mirror <url>', 'ask there instead of at huggingface.co; gets no token')
  .option('--offline', 'fetch nothing, only check what is in the cache', false)
  .option('--stall <seconds>', 'longest time without a byte', positive, 30)
  .option('--attempts <n>', 'attempts that bring nothing', positive, 4)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe models get dinov2-s14                       then: clickprobe bench --backbone dinov2-s14
  clickprobe models get sam-b --to sam-b.safetensors
  HF_TOKEN=hf_... clickprobe models get NAME             where the licence has to be accepted first

Environment: CLICKPROBE_CACHE (folder of the cache), CLICKPROBE_OFFLINE=1, HF_ENDPOINT (another hub), HF_TOKEN.
Exit codes: 0 done, 2 wrong input, 69 the hub does not give it, 74 cannot write, 75 another process fetches it,
130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async (name, options) => {
    const { modelsGetCommand } = await import('./models.ts');
    process.exitCode = await modelsGetCommand(name, options);
  });
models
  .command('verify')
  .summary('whether a file holds the weights of a backbone')
  .argument('<name>', 'backbone; or a file alone, to learn which backbones it fits')
  .argument('[file]', 'default: what models get fetched')
  .addHelpText('after', '\nExit codes: 0 it fits, 1 it does not (the tensors are named), 2 wrong input.')
  .action(async (name, file) => {
    const { modelsVerifyCommand } = await import('./models.ts');
    process.exitCode = await modelsVerifyCommand(name, file);
  });

const quote = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`clickprobe: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
