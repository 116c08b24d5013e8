/** Sets that published numbers are of, by the kind that reads them. */
export type PublishedSet = 'grabcut' | 'berkeley' | 'davis' | 'sbd';

export const metrics = ['noc80', 'noc85', 'noc90', 'iou1'] as const;
export type Metric = (typeof metrics)[number];

/** Mean clicks to an IoU (lower is better), and the mean IoU after the first click in percent (higher is better). */
export type Scores = Partial<Record<Metric, number>>;

/** One line of a published table. */
export type PublishedScores = Partial<Record<PublishedSet, Scores>>;

const four = ([noc80, noc85, noc90, iou1]: readonly [number, number, number, number]): Scores => ({
  noc80,
  noc85,
  noc90,
  iou1,
});

const clicks = ([grabcut, berkeley, davis, sbd]: readonly [number, number, number, number]): PublishedScores => ({
  grabcut: { noc90: grabcut },
  berkeley: { noc90: berkeley },
  davis: { noc90: davis },
  sbd: { noc90: sbd },
});

/** Supplementary table 1, multi-scale. NoC80, NoC85, NoC90, IoU@1. */
export const multiScale = {
  simpleFpn: {
    grabcut: four([3.88, 5.52, 9.74, 67.0]),
    berkeley: four([5.18, 8.58, 13.61, 60.83]),
    davis: four([10.81, 14.25, 17.51, 54.5]),
  },
  bilinear: {
    grabcut: four([4.84, 7.02, 11.16, 61.42]),
    berkeley: four([6.29, 10.11, 15.81, 55.6]),
    davis: four([11.8, 15.08, 17.88, 53.63]),
  },
  loftup: {
    grabcut: four([4.14, 5.44, 10.16, 63.01]),
    berkeley: four([5.26, 8.85, 13.64, 59.39]),
    davis: four([10.4, 13.86, 17.2, 60.49]),
  },
} as const;

/** Supplementary table 2, heads. */
export const heads = {
  linear: { grabcut: four([6.06, 9.02, 14.06, 36.33]) },
  simpleConv: { grabcut: four([4.76, 7.94, 13.2, 48.56]) },
  conv: { grabcut: four([4.4, 6.14, 9.8, 56.03]) },
} as const;

/** Supplementary table 3, multi-granular. */
export const granular = {
  none: { grabcut: four([5.28, 6.92, 10.8, 59.39]) },
  featup: { grabcut: four([3.68, 5.02, 8.02, 69.61]) },
  noneGranular: { grabcut: four([12.2, 15.38, 18.88, 27.64]) },
  featupGranular: { grabcut: four([9.78, 11.28, 13.92, 12.3]) },
} as const;

/** The main table, NoC90 on GrabCut, Berkeley, DAVIS, SBD: with patch embedding, early, and with simple ViT, late. */
export const main: Readonly<Record<'early' | 'late', Readonly<Record<string, PublishedScores>>>> = {
  early: {
    none: clicks([10.5, 14.22, 17.27, 14.09]),
    bilinear: clicks([10.58, 15.17, 17.73, 14.84]),
    lift: clicks([19.04, 19.05, 19.53, 18.35]),
    featup: clicks([8.24, 12.22, 16.63, 13.71]),
    loftup: clicks([4.66, 8.69, 14.25, 11.87]),
  },
  late: {
    none: clicks([7.54, 12.53, 15.83, 12.44]),
    bilinear: clicks([8.68, 13.72, 16.5, 13.36]),
    lift: clicks([7.64, 11.87, 15.83, 12.53]),
    featup: clicks([5.78, 11.0, 15.29, 13.08]),
    loftup: clicks([3.76, 5.42, 10.14, 9.79]),
  },
};
