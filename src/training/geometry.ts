/** A size in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** An axis-aligned window of pixels: columns x .. x+width-1, rows y .. y+height-1. */
export interface Window extends Size {
  x: number;
  y: number;
}

/** Rounds to the nearest integer, halves to the even one (Python's `round`, OpenCV's `cvRound`), for |x| < 2^51. */
export function roundHalfEven(x: number): number {
  return x + 6755399441055744 - 6755399441055744;
}

/** The part of `window` inside a frame of the given size; width or height is 0 where there is none. */
export function clipWindow(window: Window, frame: Size): Window {
  const x = Math.max(0, window.x);
  const y = Math.max(0, window.y);
  const width = Math.max(0, Math.min(frame.width, window.x + window.width) - x);
  const height = Math.max(0, Math.min(frame.height, window.y + window.height) - y);
  return { x, y, width, height };
}
