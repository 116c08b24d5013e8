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

const numberOrWord = (value: string): string | number => (/^\d+$/.test(value) ? Number(value) : value);

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
  .option('--backbone <name>', 'mobilesam, dinov2-s14 ..: docs/backbones.md; or FILE.onnx: docs/onnx-backbones.md')
  .option('--weights <file>', 'file of the backbone’s weights (default: what clickprobe models get fetched)')
  .option('--onnx-input <name>', 'of a FILE.onnx: the input that takes the image (default: found)')
  .option('--onnx-output <name>', 'the value that holds features, an output or any other (default: found)')
  .option('--onnx-tokens <form>', 'auto, map, map-last, or how many tokens stand before the grid’s', numberOrWord)
  .option('--onnx-early <name>', 'the node or value that early clicks are added to (default: found)')
  .option(
    '--upsamplers <names>',
    'comma-separated: none,bilinear,jbu,anyup .. (docs/upsamplers.md lists them); unlearned: all that need no weights; ' +
      'all: these and the learned ones whose weights are here; FILE.ts, FILE.onnx or NAME=FILE: one of your own',
    list,
  )
  .option(
    '--upsampler-weights <name=file>',
    'file of a learned upsampler’s weights (repeatable; default: the official ones for the backbone, fetched)',
    collect,
    [],
  )
  .option('--head <name>', 'linear, simple-conv, conv (default), conv-dilated ..: docs/heads.md lists all')
  .option('--neck <name>', 'several scales: simple-fpn, upsampler-fpn, upsampler-fpn-wide: docs/architectures.md')
  .option('--injection <where>', 'where clicks enter: early, late or late-upsampled: docs/architectures.md')
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
  .option('--memory <size>', 'what intermediate values may take: 500MB, 2GB .. (default: 2GB)')
  .option('--json', 'print one JSON object per row instead of the table', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe bench                                       offline: drawn scenes, five upsamplers, a few minutes
  clickprobe bench --upsamplers none,bilinear --epochs 2 a first look
  clickprobe bench --train coco:DIR --datasets grabcut:DIR,berkeley:DIR --out runs/coco
  clickprobe bench --seeds 3 --no-curves                 three trainings of each probe, mean and spread
  clickprobe bench --upsamplers bilinear,anyup,naf       learned ones; fetches their weights once
  clickprobe bench --upsamplers featup-kernels --upsampler-weights featup-kernels=clip_jbu_stack_cocostuff.ckpt
  clickprobe bench --upsamplers bilinear,./mine.ts,net=./mine.onnx    beside files of your own
  clickprobe bench --backbone resnet.onnx --onnx-output /layer4/Relu_output_0 --injection late
  clickprobe bench --preset paper --weights dinov2_vits14.safetensors --train sbd:DIR --datasets sbd:DIR

Exit codes: 0 done, 2 wrong input, 69 weights cannot be fetched, 74 cannot write, 130 stopped by Ctrl-C (run it again
to go on).`,
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

program
  .command('reproduce')
  .summary('run what is behind a published table or figure, beside the published numbers')
  .argument('[target]', 'table1, table2, table3, main, fair, fig1, fig2 or fig3')
  .description(
    'Runs the configurations behind a table or figure of the paper (arXiv 2505.02075) and prints ours, with 95 %\n' +
      'intervals, beside the published numbers, with what differs in the set-up. What is missing is replaced and named:\n' +
      'without weights the backbone mobilesam, without data drawn scenes; learned upsamplers without weights are left out.\n' +
      'fair, not in the paper, ranks the upsamplers with heads that see equally far. docs/reproduce.md says more.',
  )
  .option('--list', 'what can be reproduced', false)
  .option('--scale <share>', 'share of the published data and steps, up to 1 (default: see --list)', positive)
  .option('--backbone <name>', 'instead of the published one, or of mobilesam where its weights are not here')
  .option('--weights <file>', 'file of the backbone’s weights (default: what clickprobe models get fetched)')
  .option('--train <set>', 'training set as KIND:PATH (default: sbd:data/SBD, else drawn scenes)')
  .option(
    '--datasets <sets>',
    'test sets, comma-separated KIND:PATH (default: those in data/, else drawn scenes)',
    list,
  )
  .option('--upsamplers <names>', 'instead of the published ones, comma-separated', list)
  .option('--upsampler-weights <name=file>', 'file of a learned upsampler’s weights (repeatable)', collect, [])
  .option(
    '--set <entry=value>',
    'one entry of every configuration, such as evaluation.limit=20 (repeatable)',
    collect,
    [],
  )
  .option('--out <dir>', 'folder of the runs and results (default: runs/TARGET-HASH)')
  .option('--seed <n>', 'of everything random but what synthetic sets draw', wholeNumber)
  .option('--threads <n>', 'processor threads (default: all)', count)
  .option('--json', 'print one JSON object instead of the table', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe reproduce --list
  clickprobe reproduce table2                            offline: mobilesam, drawn scenes, few steps
  clickprobe reproduce fair --upsamplers none,bilinear --scale 0.0005
  clickprobe reproduce main --train coco:DIR --datasets grabcut:DIR,berkeley:DIR --scale 0.01
  clickprobe reproduce table1 --scale 1 --weights dinov2_vits14.safetensors     the published setting: days
  clickprobe reproduce fig1 --datasets grabcut:DIR --upsamplers none,bilinear,jbu

Exit codes: 0 done, 2 wrong input, 69 weights cannot be fetched, 74 cannot write, 130 stopped by Ctrl-C (run it again
to go on).`,
  )
  .action(async (target, options) => {
    const { reproduceCommand } = await import('./reproduce.ts');
    const command = ['clickprobe', ...process.argv.slice(2)].map(quote).join(' ');
    process.exitCode = await reproduceCommand(target, options, command);
  });

/** A backbone without a configuration. */
const backboneOptions = (command: Command): Command =>
  command
    .option(
      '--backbone <name>',
      'mobilesam, dinov2-s14 ..: docs/backbones.md; or FILE.onnx, model.json: docs/onnx-backbones.md',
      'mobilesam',
    )
    .option('--weights <file>', 'file of the backbone’s weights (default: what clickprobe models get fetched)')
    .option('--onnx-input <name>', 'of a FILE.onnx: the input that takes the image (default: found)')
    .option('--onnx-output <name>', 'the value that holds features, an output or any other (default: found)')
    .option('--onnx-tokens <form>', 'auto, map, map-last, or how many tokens stand before the grid’s', numberOrWord)
    .option('--set <entry=value>', 'another entry of a FILE.onnx, such as onnx.mean=[0,0,0] (repeatable)', collect, []);

backboneOptions(program.command('features'))
  .summary('pictures of what a backbone and upsamplers see in your images')
  .argument('<image...>', 'JPEG, PNG, WebP or BMP files, folders of them, or drawn scenes as synthetic:SEED')
  .description(
    'Writes, for every image into a folder of its own, the PCA picture of the features before and after each upsampler,\n' +
      'and one sheet of all (sheet.png). All upsamplers of an image share the colours of its low-res features. On request\n' +
      'also how similar each pixel is to a point, and the features themselves. No training, no clicks.',
  )
  .option('--upsampler <names>', 'one or several, comma-separated; or files: docs/upsamplers.md', list, ['bilinear'])
  .option('--size <px>', 'longer side of what the network sees, brought to a multiple of its stride', count, 448)
  .option('--similarity <x,y>', 'cosine of each pixel to this point, in pixels of the image (repeatable)', collect, [])
  .option('--raw <format>', 'also write the features [C,H,W], float32: npy or safetensors')
  .option('--out <dir>', 'where the folders go', 'features')
  .option('--own-basis', 'fit the PCA to each map by itself: more detail, colours do not compare', false)
  .option('--overwrite', 'replace files of an earlier call', false)
  .option('--upsampler-weights <name=file>', 'file of an upsampler’s weights (repeatable)', collect, [])
  .option('--threads <n>', 'processor threads (default: all)', count)
  .addOption(new Option('--device <name>', 'where the networks run').choices(['cpu', 'webgpu']).default('cpu'))
  .option('--json', 'print one JSON object per image: sizes and paths', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe features synthetic:7 --upsampler bilinear,jbu,guided-filter
  clickprobe features photo.jpg --similarity 120,80 --similarity 300,200
  clickprobe features photos/ --backbone dinov2-s14 --size 518 --raw npy --out dinov2

Memory: beside the networks, one map at a time, channels x height x width x 4 bytes: docs/features.md.
Exit codes: 0 done, 2 wrong input, 74 cannot write, 130 stopped by Ctrl-C.`,
  )
  .action(async (images, options) => {
    const { featuresCommand } = await import('./features.ts');
    process.exitCode = await featuresCommand(images, options);
  });

const granularity = program
  .command('granularity')
  .summary('multi-granular probes: parts of objects and whole objects by one probe (LoRA, after GraCo)');
granularity
  .command('make')
  .summary('cut the objects of a set into parts, to train multi-granular probes on')
  .argument('<set>', 'KIND:PATH of a set with objects, such as sbd:DIR; synthetic needs no path')
  .description(
    'Lets a trained probe cut every object into parts: one click in the object, then some into what it predicts. Writes\n' +
      'annotations.json (COCO’s format, a granularity per part) and pictures.html into a folder. The photos stay where\n' +
      'they are. The same command again goes on where a stopped one was.',
  )
  .requiredOption('--from <run>', 'run folder of the clickprobe bench that trained the probe')
  .option('--upsampler <name>', 'which of its probes (default: the only one)')
  .addOption(new Option('--split <name>', 'part of the set').choices(['train', 'val']).default('train'))
  .option('--limit <n>', 'only the first so many images', count)
  .option('--repeats <n>', 'times that each object is cut; what comes twice is dropped', count, 1)
  .option('--pictures <n>', 'images shown in pictures.html', wholeNumber, 30)
  .option('--seed <n>', 'of the clicks', wholeNumber, 0)
  .option('--out <dir>', 'folder to make (default: data/granular-SET)')
  .option('--threads <n>', 'processor threads (default: all)', count)
  .option('--json', 'print one JSON object: how many parts of each granularity', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe granularity make synthetic:200 --from runs/quick-1a2b3c4d --upsampler bilinear
  clickprobe granularity make sbd:data/SBD --from runs/sbd --upsampler jbu --out data/granular-sbd
  clickprobe granularity train --from runs/sbd --data granular:data/granular-sbd      what to do next

Exit codes: 0 done, 2 wrong input, 74 cannot write, 130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async (set, options) => {
    const { granularityMakeCommand } = await import('./granularity.ts');
    process.exitCode = await granularityMakeCommand(set, options);
  });
granularity
  .command('train')
  .summary('train multi-granular probes from trained ones and evaluate them, also by the oracle')
  .description(
    'Starts from the probes of a finished bench, with its settings. Head, click encoder, upsampler and backbone stay as\n' +
      'they are; a table of ten granularities and LoRA on the attention of every block learn. Evaluates with granularity\n' +
      '1, and by an oracle that takes the best of ten sessions, one per granularity; its rows are named so.',
  )
  .requiredOption('--from <run>', 'run folder of the clickprobe bench that trained the probes')
  .requiredOption('--data <set>', 'granular:DIR, made by clickprobe granularity make')
  .option('--upsamplers <names>', 'which of its probes, comma-separated (default: all)', list)
  .addOption(
    new Option('--place <where>', 'where granularities enter: in the backbone or after it')
      .choices(['early', 'late'])
      .default('early'),
  )
  .addOption(
    new Option('--lora <projections>', 'what LoRA adapts: qk as the paper says, qv as GraCo’s code has it')
      .choices(['qk', 'qv'])
      .default('qk'),
  )
  .option('--rank <n>', 'inner size of LoRA’s updates', count, 8)
  .option('--alpha <x>', 'updates count alpha / rank times', positive, 1)
  .addOption(
    new Option('--table-start <how>', 'normal: N(0,1) as GraCo has it; zero: at first a granularity changes nothing')
      .choices(['normal', 'zero'])
      .default('normal'),
  )
  .option('--joint', 'train the (learned) upsampler too', false)
  .option('--oracle <percents>', 'IoUs that the oracle counts clicks to', list, ['85', '90'])
  .option('--epochs <n>', 'training epochs (default: those of the run)', wholeNumber)
  .option('--datasets <sets>', 'test sets, comma-separated (default: those of the run)', list)
  .option(
    '--set <entry=value>',
    'one more entry of its configuration, such as training.batch=16 (repeatable)',
    collect,
    [],
  )
  .option('--seed <n>', 'of everything random (default: that of the run)', wholeNumber)
  .option('--seeds <n>', 'train with so many seeds, one after the other', count, 1)
  .option('--threads <n>', 'processor threads (default: those of the run)', count)
  .option('--out <dir>', 'run folder (default: runs/granular-HASH)')
  .option('--json', 'print one JSON object per row instead of the table', false)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe granularity train --from runs/sbd --data granular:data/granular-sbd --set training.batch=16
  clickprobe granularity train --from runs/sbd --data granular:data/granular-sbd --upsamplers lift --joint
  clickprobe granularity train --from runs/sbd --data granular:data/granular-sbd \\
    --datasets partimagenet:data/PartImageNet,pascalpart:data/VOC2010 --oracle 85     parts, as GraCo counts them

Exit codes: 0 done, 2 wrong input, 74 cannot write, 130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async options => {
    const { granularityTrainCommand } = await import('./granularity.ts');
    const command = ['clickprobe', ...process.argv.slice(2)].map(quote).join(' ');
    process.exitCode = await granularityTrainCommand(options, command);
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

const models = program
  .command('models')
  .summary('weights of backbones and upsamplers: what there is, fetching, checking');
models
  .command('list')
  .summary('every backbone and learned upsampler: size, file, licence, whether its weights are here')
  .option('--json', 'print one JSON array', false)
  .action(async options => {
    const { modelsListCommand } = await import('./models.ts');
    modelsListCommand(options);
  });
models
  .command('get')
  .summary('fetch the weights of a backbone or an upsampler and check that they fit')
  .argument('<name>', 'as in clickprobe models list')
  .description(
    'Fetches the file that a backbone or an upsampler (UPSAMPLER:BACKBONE) needs from huggingface.co or its authors’\n' +
      'release into a cache that all runs share, checks its SHA-256 where one is stated and loads it once. What was\n' +
      'stopped or broke off is continued by the same command. Read the licence first.',
  )
  .option('--revision <name>', 'branch, tag or commit on the hub (default: main)')
  .option('--to <file>', 'write it there instead of into the cache')
  .option('--mirror <url>', 'ask there instead of at huggingface.co, before other places; gets no token')
  .option('--offline', 'fetch nothing, only check what is in the cache', false)
  .option('--stall <seconds>', 'longest time without a byte', positive, 30)
  .option('--attempts <n>', 'attempts that bring nothing', positive, 4)
  .addHelpText(
    'after',
    `
Examples:
  clickprobe models get dinov2-s14                       then: clickprobe bench --backbone dinov2-s14
  clickprobe models get sam-b --to sam-b.safetensors
  clickprobe models get loftup:dinov2-s14                an upsampler for one backbone
  clickprobe models get anyup                            one file for all
  HF_TOKEN=hf_... clickprobe models get NAME             where the licence has to be accepted first

Environment: CLICKPROBE_CACHE (folder of the cache), CLICKPROBE_OFFLINE=1, HF_ENDPOINT (another hub), HF_TOKEN,
CLICKPROBE_MIRROR (a folder on a server that has files from outside the hub under the same names, tried first).
Exit codes: 0 done, 2 wrong input, 69 it cannot be fetched, 74 cannot write, 75 another process fetches it,
130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async (name, options) => {
    const { modelsGetCommand } = await import('./models.ts');
    process.exitCode = await modelsGetCommand(name, options);
  });
models
  .command('verify')
  .summary('whether a file holds the weights of a backbone or an upsampler')
  .argument('<name>', 'backbone or UPSAMPLER:BACKBONE; or a file alone, to learn what it fits')
  .argument('[file]', 'default: what models get fetched')
  .addHelpText('after', '\nExit codes: 0 it fits, 1 it does not (the tensors are named), 2 wrong input.')
  .action(async (name, file) => {
    const { modelsVerifyCommand } = await import('./models.ts');
    process.exitCode = await modelsVerifyCommand(name, file);
  });

const upsamplerCommand = program.command('upsampler').summary('train upsamplers on unlabelled images, score them');
const upsamplerOptions = (command: Command): Command =>
  backboneOptions(command)
    .requiredOption('--images <what>', 'folder of photos (and folders in it), synthetic, or KIND:DIR')
    .option('--size <px>', 'side of what the upsampler sees; the target is made at twice that (default: 224 px)', count)
    .option('--seed <n>', 'of everything random', wholeNumber, 0)
    .option('--held-out <n>', 'images to score with, at most', count, 32)
    .option('--held-out-share <share>', 'of the photos kept out of training, 0..1; by their names', positive, 0.05)
    .option('--threads <n>', 'processor threads (default: all)', count)
    .option('--device <name>', 'cpu or webgpu', 'cpu')
    .option('--json', 'print one JSON object instead of the table', false);

upsamplerOptions(upsamplerCommand.command('train'))
  .summary('train a learned upsampler for a backbone')
  .argument('<name>', 'lift, jafar, anyup, naf, uplift, loftup, featup, featup-no-norm or featup-kernels')
  .description(
    'Trains an upsampler by the objective of its paper on images without labels (loftup needs masks), writes\n' +
      'upsampler.safetensors, and scores it on images held out: how near upsampled features of a small image come to the\n' +
      'features of a larger one, beside the interpolations. The same command again goes on where a stopped run was.\n' +
      'docs/upsampler-training.md says what each objective is.',
  )
  .option('--out <dir>', 'run folder (default: runs/NAME-BACKBONE)')
  .option('--steps <n>', 'training steps in all', count, 2000)
  .option('--minutes <n>', 'train no longer than this; the same command again trains as long again', positive)
  .option('--batch <n>', 'images in a step (default: the method’s, 2 or 4)', count)
  .option('--learning-rate <x>', 'default: the method’s', positive)
  .option('--stage <n>', 'of loftup, trained in two: 1 or 2', count, 1)
  .option('--from <file>', 'upsampler.safetensors to begin with; stage 2 needs that of stage 1')
  .addHelpText(
    'after',
    `
Examples:
  clickprobe upsampler train lift --images synthetic --minutes 10          offline: drawn scenes, mobilesam
  clickprobe upsampler train jafar --backbone dinov2-s14 --images photos --steps 20000 --out runs/jafar
  clickprobe upsampler train lift --backbone vit.onnx --images photos      any network with free sizes
  clickprobe upsampler train loftup --images coco:DIR --out runs/loftup-1
  clickprobe upsampler train loftup --stage 2 --from runs/loftup-1/upsampler.safetensors --images coco:DIR
  clickprobe bench --upsamplers bilinear,lift --upsampler-weights lift=runs/lift-mobilesam/upsampler.safetensors

Exit codes: 0 done, 2 wrong input, 74 cannot write, 130 stopped by Ctrl-C (run it again to go on).`,
  )
  .action(async (name, options) => {
    const { upsamplerTrainCommand } = await import('./upsampler.ts');
    const command = ['clickprobe', ...process.argv.slice(2)].map(quote).join(' ');
    process.exitCode = await upsamplerTrainCommand(name, options, command);
  });
upsamplerOptions(upsamplerCommand.command('score'))
  .summary('score a trained upsampler beside the interpolations')
  .argument('<name>', 'of a learned upsampler')
  .argument('<file>', 'upsampler.safetensors of a training, or the official weights')
  .addHelpText(
    'after',
    `
Cosine and MSE between upsampled features of the image at 1/2 and 1/4 of twice --size and its features at twice --size.

Examples:
  clickprobe upsampler score lift runs/lift-mobilesam/upsampler.safetensors --images photos
  clickprobe upsampler score lift runs/lift-vit.onnx/upsampler.safetensors --backbone vit.onnx --images photos

Exit codes: 0 done, 2 wrong input, 130 stopped by Ctrl-C.`,
  )
  .action(async (name, file, options) => {
    const { upsamplerScoreCommand } = await import('./upsampler.ts');
    process.exitCode = await upsamplerScoreCommand(name, file, options);
  });

const quote = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`clickprobe: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
