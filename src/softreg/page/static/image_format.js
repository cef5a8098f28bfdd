// The form of the images that models take: 28 x 28 bytes, bright ink on black.

export const SIDE = 28;
export const SIZE = SIDE * SIDE;
