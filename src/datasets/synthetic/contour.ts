/**
 * A closed outline, x and y interleaved. Solid outlines run one way and holes the other, so that the winding
 * number of a point inside is at least 1 and inside a hole 0; overlapping solids unite.
 */
export type Contour = Float64Array;

/** x' = a x + c y + e, y' = b x + d y + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export interface Bounds {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** An open line, x and y interleaved. */
export type Line = readonly number[];

/** A solid polygon through the points, whichever way they run. */
export function polygon(points: Line): Contour {
  const out = Float64Array.from(points);
  return signedArea(out) >= 0 ? out : reversed(out);
}

/** The same outline as something cut out of the solids around it. */
export function hole(contour: Contour): Contour {
  return signedArea(contour) >= 0 ? reversed(contour) : contour;
}

function reversed(contour: Contour): Contour {
  const n = contour.length / 2;
  const out = new Float64Array(contour.length);
  for (let i = 0; i < n; i++) {
    out[2 * i] = contour[2 * (n - 1 - i)];
    out[2 * i + 1] = contour[2 * (n - 1 - i) + 1];
  }
  return out;
}

function signedArea(contour: Contour): number {
  let sum = 0;
  for (let i = 0, j = contour.length - 2; i < contour.length; j = i, i += 2) {
    sum += contour[j] * contour[i + 1] - contour[i] * contour[j + 1];
  }
  return sum / 2;
}

/** The outline at distance `radius(angle)` from a centre. */
export function radial(radius: (angle: number) => number, points = 96, cx = 0, cy = 0): Contour {
  const out = new Float64Array(points * 2);
  for (let i = 0; i < points; i++) {
    const angle = (i / points) * 2 * Math.PI;
    out[2 * i] = cx + radius(angle) * Math.cos(angle);
    out[2 * i + 1] = cy + radius(angle) * Math.sin(angle);
  }
  return out;
}

export function ellipse(cx: number, cy: number, rx: number, ry = rx, turn = 0): Contour {
  const circle = radial(() => 1, 40);
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  return transform(circle, [rx * c, rx * s, -ry * s, ry * c, cx, cy]);
}

/** A rectangle with corners rounded by `radius`. */
export function box(left: number, top: number, right: number, bottom: number, radius = 0): Contour {
  const r = Math.min(radius, (right - left) / 2, (bottom - top) / 2);
  if (r <= 0) {
    return polygon([left, top, right, top, right, bottom, left, bottom]);
  }
  const points: number[] = [];
  const centres = [
    [right - r, bottom - r],
    [left + r, bottom - r],
    [left + r, top + r],
    [right - r, top + r],
  ];
  centres.forEach(([x, y], corner) => {
    for (let i = 0; i <= 6; i++) {
      const angle = ((corner + i / 6) * Math.PI) / 2;
      points.push(x + r * Math.cos(angle), y + r * Math.sin(angle));
    }
  });
  return polygon(points);
}

/** A smooth open line through the points (Catmull-Rom). */
export function curve(points: Line, steps = 8): number[] {
  const last = points.length / 2 - 1;
  const out: number[] = [];
  for (let i = 0; i < last; i++) addCurve(out, points, Math.max(0, i - 1), i, i + 1, Math.min(last, i + 2), steps);
  out.push(points[2 * last], points[2 * last + 1]);
  return out;
}

/** A smooth solid through the points (closed Catmull-Rom). */
export function smooth(points: Line, steps = 8): Contour {
  const n = points.length / 2;
  const out: number[] = [];
  for (let i = 0; i < n; i++) addCurve(out, points, (i + n - 1) % n, i, (i + 1) % n, (i + 2) % n, steps);
  return polygon(out);
}

/** The curve from point `b` to point `c`, without its end; `a` and `d` are the neighbours. */
function addCurve(out: number[], points: Line, a: number, b: number, c: number, d: number, steps: number): void {
  const at = (t: number, axis: number) => {
    const [p, q, r, s] = [a, b, c, d].map(i => points[2 * i + axis]);
    return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
  };
  for (let k = 0; k < steps; k++) out.push(at(k / steps, 0), at(k / steps, 1));
}

/** A limb: the hull of two circles. */
export function limb(x0: number, y0: number, r0: number, x1: number, y1: number, r1 = r0): Contour {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length <= Math.abs(r0 - r1)) return r0 > r1 ? ellipse(x0, y0, r0) : ellipse(x1, y1, r1);
  const along = Math.atan2(y1 - y0, x1 - x0);
  const tangent = Math.acos((r0 - r1) / length);
  const points: number[] = [];
  for (let i = 0; i <= 8; i++) {
    const angle = along + tangent * (i / 4 - 1);
    points.push(x1 + r1 * Math.cos(angle), y1 + r1 * Math.sin(angle));
  }
  for (let i = 0; i <= 8; i++) {
    const angle = along + tangent + ((2 * Math.PI - 2 * tangent) * i) / 8;
    points.push(x0 + r0 * Math.cos(angle), y0 + r0 * Math.sin(angle));
  }
  return polygon(points);
}

/** A stroke along an open line; half-widths at its start and end. */
export function stroke(line: Line, start: number, end = start): Contour[] {
  const n = line.length / 2 - 1;
  const radius = (i: number) => start + ((end - start) * i) / n;
  return Array.from({ length: n }, (_, i) =>
    limb(line[2 * i], line[2 * i + 1], radius(i), line[2 * i + 2], line[2 * i + 3], radius(i + 1)),
  );
}

/** The part of an ellipse between two angles, as an open line. */
export function arc(cx: number, cy: number, rx: number, ry: number, from: number, to: number): number[] {
  const n = Math.max(3, Math.ceil(Math.abs(to - from) * 5));
  const out: number[] = [];
  for (let i = 0; i <= n; i++) {
    const angle = from + ((to - from) * i) / n;
    out.push(cx + rx * Math.cos(angle), cy + ry * Math.sin(angle));
  }
  return out;
}

/** A spiral line that goes from one radius to another while it turns by `angle`. */
export function coil(cx: number, cy: number, from: number, to: number, angle: number): number[] {
  const n = Math.ceil(Math.abs(angle) * 4);
  const out: number[] = [];
  for (let i = 0; i <= n; i++) {
    const t = i / n;
    const r = from + (to - from) * t;
    out.push(cx + r * Math.cos(t * angle), cy + r * Math.sin(t * angle));
  }
  return out;
}

/** A ring as a disc with a hole; `rx`, `ry` of the outside, `width` of the band. */
export function ring(cx: number, cy: number, rx: number, ry: number, width: number): Contour[] {
  return [ellipse(cx, cy, rx, ry), hole(ellipse(cx, cy, rx - width, ry - width))];
}

export function transform(contour: Contour, [a, b, c, d, e, f]: Affine): Contour {
  const out = new Float64Array(contour.length);
  for (let i = 0; i < contour.length; i += 2) {
    out[i] = a * contour[i] + c * contour[i + 1] + e;
    out[i + 1] = b * contour[i] + d * contour[i + 1] + f;
  }
  return out;
}

export function boundsOf(contours: readonly Contour[]): Bounds {
  const out = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const contour of contours) {
    for (let i = 0; i < contour.length; i += 2) {
      out.left = Math.min(out.left, contour[i]);
      out.right = Math.max(out.right, contour[i]);
      out.top = Math.min(out.top, contour[i + 1]);
      out.bottom = Math.max(out.bottom, contour[i + 1]);
    }
  }
  return out;
}
