import type { Random } from '../../base/random.ts';
import { difference, fromHex, jitter, type Rgb, shift } from './color.ts';
import type { Surface, Wardrobe } from './figure.ts';
import { drawTexture, type PatternName } from './texture.ts';

/** What decides how an object looks; objects that share it look alike. */
export interface Style {
  colours: readonly Rgb[];
  pattern: PatternName;
}

const patterns: readonly PatternName[] = [
  ...(['plain', 'plain', 'plain', 'plain', 'plain', 'plain', 'stripes', 'stripes', 'dots', 'patches'] as const),
  ...(['patches', 'speckle', 'wood', 'checker', 'plaid', 'marble', 'fibres', 'scales', 'cells', 'chevrons'] as const),
];

const greens = ['3f5a2a', '5b7a3a', '2f4a33', '7d8f4a', '4d6b55', '8a7a35', 'a0632c'].map(fromHex);
const barks = ['5a432f', '7a5a3c', '8c7355', '463628'].map(fromHex);
const white = fromHex('e6e0d4');
const black = fromHex('26262a');

/** Three colours of a palette, each told apart from the one before it, and a pattern. */
export function drawStyle(random: Random, palette: readonly Rgb[]): Style {
  const colours = random.shuffle(palette).map(c => jitter(random, c, 0.03));
  for (let i = 1; i < 3; i++) {
    if (difference(colours[i], colours[i - 1]) < 0.1) colours[i] = shift(colours[i], random.pick([-0.18, 0.18]));
  }
  return { colours: colours.slice(0, 3), pattern: random.pick(patterns) };
}

/** A style that blends in with what is behind: its main colour, now and then its pattern too. */
export function camouflage(random: Random, style: Style, behind: Style): Style {
  const colour = shift(random.pick(behind.colours), random.uniform(0.03, 0.08) * random.pick([-1, 1]));
  return {
    colours: [colour, random.chance(0.4) ? random.pick(behind.colours) : style.colours[1], style.colours[2]],
    pattern: random.chance(0.5) ? behind.pattern : style.pattern,
  };
}

/** The surfaces of an object of about `size` pixels. */
export function drawWardrobe(random: Random, { colours, pattern }: Style, size: number): Wardrobe {
  const [first, second, third] = colours;
  const period = Math.max(6, size * random.uniform(0.09, 0.2));
  const glazed = random.chance(0.45) ? random.uniform(0.2, 0.8) : 0;
  const surface = (name: PatternName, base: Rgb, gloss = glazed): Surface => {
    const bold = random.chance(0.35);
    const partner = bold ? third : shift(base, random.uniform(0.09, 0.22) * random.pick([-1, 1]));
    return { texture: drawTexture(random, name, [base, partner, second], period), gloss };
  };
  return {
    main: surface(pattern, first),
    second: surface(random.chance(0.7) ? 'plain' : random.pick(patterns), second),
    accent: surface('plain', third),
    dark: surface('plain', jitter(random, black, 0.03), 0.3),
    light: surface('plain', jitter(random, white, 0.03)),
    leaf: surface(random.pick(['plain', 'fibres', 'cells', 'clouds']), jitter(random, random.pick(greens), 0.03), 0),
    bark: surface(random.pick(['plain', 'wood', 'fibres']), jitter(random, random.pick(barks), 0.03), 0),
  };
}
