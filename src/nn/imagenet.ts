/** Mean and standard deviation of ImageNet's RGB, 0..1: what most backbones and all image-guided upsamplers expect. */
export const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
