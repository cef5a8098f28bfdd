// The feature maps that the page computes itself, by name.

import { deskew, pixels } from "./features.js";
import { kernel } from "./kernel_features.js";
import { both, patches, scattering, views } from "./pooled_features.js";

/** @type {Record<string, import("./features.js").FeatureMap>} */
export const FEATURE_MAPS = {
  pixels,
  deskew,
  patches,
  scattering,
  both,
  views,
  kernel,
  invariant_kernel: kernel,
  compact_kernel: kernel,
};
