// What the server sends, for the type checker alone.

export interface EncodedArray {
  shape: number[];
  type: "uint8" | "int8";
  scale: number;
  bytes: string;
}
export interface DecodedArray {
  shape: number[];
  values: Uint8Array | Int8Array;
  scale: number;
}
export type ByClass = Record<string, number>;

export interface Prediction {
  label: string | null;
  probability: number | null;
  probabilities: ByClass | null;
  logits?: ByClass;
  reason: string | null;
  boxes?: number[][];
}
export type Stage = EncodedArray & { title: string };
export interface EncodedEvidence {
  image: EncodedArray;
  pixels: EncodedArray;
  for: ByClass;
  against: ByClass;
  bias: ByClass;
}
export interface Evidence {
  image: DecodedArray;
  pixels: DecodedArray;
  for: ByClass;
  against: ByClass;
  bias: ByClass;
}
export interface PredictAnswer {
  predictions: [Prediction];
  stages?: Stage[];
  evidence?: EncodedEvidence;
}

export interface Model {
  model: string;
  features: string;
  solver: string;
  accuracy: number | null;
}
export interface ModelList {
  default: string;
  models: Model[];
}

export interface RecipeField {
  name: string;
  default: string | number;
  choices: string[];
  low: number;
  high: number;
  whole: boolean;
  solvers: string[];
  help: string;
}
export interface HardImage {
  image: EncodedArray;
  label: string;
  prediction: string;
  probability: number;
}
export interface Snapshot {
  templates: EncodedArray;
  n: number;
  hardest: HardImage[];
}
export interface TrainingEvent {
  training: number;
  status: "idle" | "preparing" | "running" | "paused" | "saving" | "ended" | "failed";
  total: number;
  from: number;
  steps: { cost: number; accuracy: number }[];
  view: Snapshot | null;
  ending?: string;
  message: Record<string, string>;
  model?: string;
  accuracy?: number;
  seconds?: number;
}
export interface Walkthrough {
  classes: string[];
  label: string;
  prediction: string;
  image: EncodedArray;
  evidence: EncodedArray;
  gradient: EncodedArray;
  bias: number[];
  logits: number[];
  probabilities: number[];
  residual: number[];
  cross_entropy: number;
}
